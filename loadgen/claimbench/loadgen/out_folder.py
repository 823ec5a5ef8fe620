"""`--out`: the folder that a run writes."""

from datetime import datetime
from pathlib import Path

from claimbench.errors import UsageError


def made_folder(out: Path | None, scenario: str, results: str) -> Path:
    """The folder to write, made now, so that a long run does not end at a path that cannot be written.

    One that holds a file named `results` already is refused: nothing is overwritten.
    """
    stamp = datetime.now().astimezone().strftime("%Y%m%d-%H%M%S")
    folder = out or Path("results", f"{scenario}-{stamp}")
    if (folder / results).exists():
        raise UsageError(
            f"already holds a {results}", where=f"--out {folder}", remedy="name another folder or remove it"
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise UsageError(
            f"cannot be made ({reason})", where=f"--out {folder}", remedy="name a folder that you may write"
        ) from None
    return folder
