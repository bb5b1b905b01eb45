"""Files without a name, for what is not held in memory: gone when they are closed, or the process ends."""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import IO, Any

from rnnbp.storage import PathLike


class ScratchFile:
    """Bytes at offsets of a file that is made at the first write. Unbuffered, so that closing it writes nothing.

    Raises OSError as the system does.
    """

    def __init__(self, folder: PathLike | None) -> None:
        self.folder = folder
        self.file: IO[bytes] | None = None

    @property
    def place(self) -> Path:
        """The folder."""
        return Path(self.folder or tempfile.gettempdir())

    def open(self) -> None:
        """Make the file, if it is not there."""
        if self.file is None:
            self.file = tempfile.TemporaryFile(dir=self.folder, prefix="rnnbp-", buffering=0)  # noqa: SIM115  # until close

    def write(self, start: int, data: memoryview) -> None:
        """Write all of ``data``, of bytes."""
        self.open()
        file: Any = self.file
        file.seek(start)
        while data:
            data = data[file.write(data) :]

    def read(self, start: int, data: memoryview) -> bool:
        """Fill ``data``; gives whether the file had so much."""
        file: Any = self.file
        file.seek(start)
        while data:
            count = file.readinto(data)
            if not count:
                return False
            data = data[count:]
        return True

    def close(self) -> None:
        """Remove it."""
        if self.file is not None:
            with contextlib.suppress(OSError):
                self.file.close()
