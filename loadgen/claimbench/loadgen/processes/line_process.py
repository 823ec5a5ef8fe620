"""A process of ours that is spoken to line by line, whatever else is said in it."""

import atexit
import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import IO, Self

from claimbench.loadgen.processes.bytecode import COMPILED
from claimbench.loadgen.processes.scratch import make_scratch_folder


class LineProcess:
    """A process, and its forks if it has any; a context manager, at whose end all of them are gone.

    Its temporary files are ours: what it leaves, killed or not, goes with it.
    One that ends with `COMPILED` before its first answer is started again and told the same: first as it
    was, for it has kept its bytecode; then, as nothing is kept there, with a folder of ours to keep it in.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        folder: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._command, self._folder = command, folder
        self._scratch = make_scratch_folder("process")
        given = os.environ if environment is None else environment
        self._environments = _environments({**given, "TMPDIR": str(self._scratch.path)})
        self._said: list[str] = []
        self._killed = False
        self._process, self._errors = self._started(next(self._environments))

    def _started(self, environment: Mapping[str, str]) -> tuple[subprocess.Popen[str], IO[bytes]]:
        # Not a pipe: one that nobody reads fills up and stops the process.
        errors = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the process)
        process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            cwd=self._folder,
            env=environment,
            start_new_session=True,
        )
        return process, errors

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self._process.communicate()
        self._errors.close()
        self._scratch.release()

    def kill(self) -> None:
        """End it and its forks, which are a session of their own."""
        self._killed = True
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def say(self, line: str) -> None:
        """Send a line; nothing happens when the process has ended, for then `hear` returns ''."""
        self._said.append(line)
        self._send(line)

    def _send(self, line: str) -> None:
        if self._process.stdin:
            with suppress(BrokenPipeError):
                self._process.stdin.write(line + "\n")
                self._process.stdin.flush()

    def hear(self) -> str:
        """Wait for the next line; '' when the process has ended instead."""
        heard = self._heard()
        while not heard and self._begun_again():
            heard = self._heard()
        self._said.clear()
        return heard

    def _heard(self) -> str:
        return self._process.stdout.readline().strip() if self._process.stdout else ""

    def _begun_again(self) -> bool:
        """Whether it has ended because it compiled, and there is a way left not to."""
        if not self._said or self._killed or self._process.wait() != COMPILED:
            return False
        environment = next(self._environments, None)
        if environment is None:
            return False
        self._process.communicate()
        self._errors.close()
        self._process, self._errors = self._started(environment)
        for line in self._said:
            self._send(line)
        return True

    def hear_within(self, seconds: float) -> str | None:
        """As `hear`; None when nothing came in time: then it is ended."""
        timer = threading.Timer(seconds, self.kill)
        timer.start()
        line = self.hear()
        in_time = timer.is_alive()
        timer.cancel()
        return line if in_time or line else None

    def last_words(self) -> str:
        """The last line that an ended process had for its user, which is an error's."""
        self.kill()
        self._process.communicate()
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        return lines[-1][:400] if lines else "it said nothing"


def _environments(given: Mapping[str, str]) -> Iterator[Mapping[str, str]]:
    """What to start with, then again and again while it must compile."""
    if not given.get("PYTHONDONTWRITEBYTECODE"):
        yield given
        yield given
    ours = {**given, "PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": str(_bytecode_folder())}
    yield ours
    yield ours


@cache
def _bytecode_folder() -> Path:
    """One for all processes of this one, gone at its end."""
    folder = make_scratch_folder("bytecode")
    atexit.register(folder.release)
    return folder.path
