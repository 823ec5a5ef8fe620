"""Where file contents live: on disk, so that neither uploads nor outputs are held in memory."""

import os
import weakref
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import BinaryIO

from claimbench.loadgen.processes.scratch import make_scratch_folder

CHUNK = 256 * 1024


class Blob:
    """The first `size` bytes of a file on disk, which goes when nobody refers to it any more.

    One that is kept stays, unless it is let go of again.
    """

    def __init__(self, path: Path, size: int, owner: object = None) -> None:
        self.path, self.size = path, size
        self._owner = owner
        self._kept: set[str] = set()
        if owner is None:
            weakref.finalize(self, _remove_unless_kept, str(path), self._kept)

    def keep(self) -> None:
        """Leave the file on disk even after the end of the process."""
        self._kept.add(str(self.path))

    def let_go(self) -> None:
        """Remove the file when nobody refers to it any more."""
        self._kept.clear()

    def discard(self) -> None:
        """Remove the file now, whoever refers to it."""
        self.let_go()
        _remove(str(self.path))

    @property
    def is_there(self) -> bool:
        """Whether it can still be read."""
        return self.path.exists()

    def open(self) -> BinaryIO:
        """The content, to be read from its start."""
        return self.path.open("rb", buffering=CHUNK)

    def chunks(self) -> Iterator[bytes]:
        """The content in pieces of at most 256 KiB."""
        with self.open() as content:
            while chunk := content.read(CHUNK):
                yield chunk


class BlobFolder:
    """A folder of blobs: a private one that goes with the process, or a given one whose kept blobs stay."""

    def __init__(self, path: Path | None = None) -> None:
        if path is not None:
            known = [int(one.name) for one in path.iterdir() if one.name.isdigit()]
            self._path, self._numbers = path, count(max(known, default=0) + 1)
            self._release = weakref.finalize(self, lambda: None)
            return
        folder = make_scratch_folder("fake-openai")
        self._path, self._numbers = folder.path, count()
        self._release = weakref.finalize(self, folder.release)

    def writer(self) -> "BlobWriter":
        """A new blob to be written."""
        return BlobWriter(self._path / str(next(self._numbers)))

    def close(self) -> None:
        """Delete all that is stored."""
        self._release()


class BlobWriter:
    """Writes one blob; `finish` hands it over. A writer that is given up takes its file with it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("wb", buffering=CHUNK)
        self._abandon = weakref.finalize(self, _abandon, self._file, str(path))
        self.size = 0

    def write(self, data: bytes | memoryview) -> None:
        """Append."""
        self._file.write(data)
        self.size += len(data)

    def finish(self) -> Blob:
        """The blob, complete."""
        self._abandon.detach()
        self._file.close()
        return Blob(self._path, self.size)

    def so_far(self) -> Blob:
        """What is written up to now, while writing goes on."""
        self._file.flush()
        return Blob(self._path, self.size, owner=self)


def _abandon(file: BinaryIO, path: str) -> None:
    file.close()
    _remove(path)


def _remove_unless_kept(path: str, kept: set[str]) -> None:
    if path not in kept:
        _remove(path)


def _remove(path: str) -> None:
    try:
        os.unlink(path)  # noqa: PTH108 (finalizers may run while pathlib is being torn down)
    except OSError:
        return  # the whole folder went first
