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
    """The first `size` bytes of a file on disk, which goes when nobody refers to it any more."""

    def __init__(self, path: Path, size: int, owner: object = None) -> None:
        self.path, self.size = path, size
        self._owner = owner
        if owner is None:
            weakref.finalize(self, _remove, str(path))

    def open(self) -> BinaryIO:
        """The content, to be read from its start."""
        return self.path.open("rb", buffering=CHUNK)

    def chunks(self) -> Iterator[bytes]:
        """The content in pieces of at most 256 KiB."""
        with self.open() as content:
            while chunk := content.read(CHUNK):
                yield chunk


class BlobFolder:
    """A private folder of blobs; `close` empties it, and so does the end of the process."""

    def __init__(self) -> None:
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


def _remove(path: str) -> None:
    try:
        os.unlink(path)  # noqa: PTH108 (finalizers may run while pathlib is being torn down)
    except OSError:
        return  # the whole folder went first
