"""A process of ours that is spoken to line by line, whatever else is said in it."""

import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Self


class LineProcess:
    """A process, and its forks if it has any; a context manager, at whose end all of them are gone."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        folder: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        # Not a pipe: one that nobody reads fills up and stops the process.
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (closed with the process)
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            cwd=folder,
            env=environment,
            start_new_session=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        self._process.communicate()
        self._errors.close()

    def kill(self) -> None:
        """End it and its forks, which are a session of their own."""
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def say(self, line: str) -> None:
        """Send a line; nothing happens when the process has ended, for then `hear` returns ''."""
        if self._process.stdin:
            with suppress(BrokenPipeError):
                self._process.stdin.write(line + "\n")
                self._process.stdin.flush()

    def hear(self) -> str:
        """Wait for the next line; '' when the process has ended instead."""
        return self._process.stdout.readline().strip() if self._process.stdout else ""

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
