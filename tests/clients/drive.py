"""Sends clients of others through whole batches of a running fake: `nox -s clients`.

Each client gets an environment of its own, from the registry; one that cannot be installed is skipped, with
the reason.
"""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from claimbench.loadgen.fake_openai.clocks import ClockKind
from claimbench.loadgen.fake_openai.faults import NO_FAULTS, parse_faults
from claimbench.loadgen.fake_openai.server import running_server

HERE = Path(__file__).parent
ASCII = parse_faults('[[fault]]\nkind = "ascii_answer"\n', "clients that cut files at U+2028")
PATIENCE_S = 600


@dataclass(frozen=True)
class ForeignClient:
    """A program that is not ours: its name, what is installed for it, and the script that uses it."""

    name: str
    packages: tuple[str, ...]
    script: str
    takes_any_text: bool = True


CLIENTS = (
    ForeignClient("openai 1.x", ("openai<2",), "official_python.py"),
    ForeignClient("openai 2.x", ("openai>=2,<3",), "official_python.py"),
    ForeignClient("openai 3.x", ("openai>=3",), "official_python.py"),
    ForeignClient("openai for Node", ("openai",), "official_node.mjs"),
    ForeignClient("litellm", ("litellm",), "litellm_client.py"),
    ForeignClient("curator", ("bespokelabs-curator",), "curator_client.py"),
    ForeignClient("instructor", ("instructor",), "instructor_client.py"),
    ForeignClient("autobatcher", ("autobatcher",), "autobatcher_client.py"),
    ForeignClient("openbatch", ("openbatch", "openai"), "openbatch_client.py"),
    ForeignClient("batch-openai", ("batch-openai",), "batch_openai_client.py", takes_any_text=False),
)


def installed(client: ForeignClient, folder: Path) -> list[str]:
    """Install it; the command that runs its script. CalledProcessError when it does not install."""
    folder.mkdir(parents=True, exist_ok=True)
    if client.script.endswith(".mjs"):
        if shutil.which("npm") is None:
            raise FileNotFoundError("there is no npm here")
        shutil.copy(HERE / client.script, folder)
        called(["npm", "install", "--silent", "--no-audit", "--no-fund", *client.packages], folder)
        return ["node", str(folder / client.script)]
    called([sys.executable, "-m", "venv", str(folder / "venv")], folder)
    python = str(folder / "venv" / "bin" / "python")
    called([python, "-m", "pip", "install", "--quiet", *client.packages], folder)
    return [python, str(HERE / client.script)]


def called(command: list[str], folder: Path, **environment: str) -> str:
    """Run a command in a folder; what it printed."""
    ran = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=True,
    )
    return ran.stdout


def said_by(error: Exception) -> str:
    """The last line of what a command complained of."""
    complaints = (getattr(error, "stderr", None) or str(error)).strip().split("\n")
    return complaints[-1][:200]


def outcome(client: ForeignClient, folder: Path) -> tuple[str, str]:
    """Whether it `passed`, `failed` or was `skipped`, and what it said."""
    try:
        command = installed(client, folder)
    except (OSError, subprocess.SubprocessError) as error:
        return "skipped", said_by(error)
    faults = NO_FAULTS if client.takes_any_text else ASCII
    with running_server(clock=ClockKind.REAL, speed=3600, faults=faults) as server:
        surroundings = {
            "OPENAI_BASE_URL": server.base_url,
            "OPENAI_API_KEY": "any",
            "HOME": str(folder),
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        }
        try:
            printed = called(command, folder, **surroundings).strip().split("\n")
        except (OSError, subprocess.SubprocessError) as error:
            return "failed", said_by(error)
    return "passed", printed[-1]


def main() -> None:
    """Run those that are named, or all; exit 1 when one fails."""
    folder, *wanted = sys.argv[1:]
    failed = 0
    for client in CLIENTS:
        if wanted and client.name not in wanted:
            continue
        how, said = outcome(client, Path(folder) / client.name.replace(" ", "-"))
        failed += how == "failed"
        sys.stdout.write(f"{client.name:16} {how:8} {said}\n")
        sys.stdout.flush()
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
