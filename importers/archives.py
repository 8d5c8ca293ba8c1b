"""Zip archives, read member by member; whatever is wrong with one is an OSError with a sentence."""

from __future__ import annotations

import io
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import IO

LARGEST_DIRECTORY = 32 << 20
"""Bytes of an archive's table of contents, which is read into memory: about 300,000 entries."""

_BROKEN = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, ValueError, UnicodeError, NotImplementedError)


class Archive:
    """Zip archive, open for reading."""

    def __init__(self, path: Path, shown: str) -> None:
        """Open an archive that people know as ``shown``."""
        self._file = _ArchiveFile(io.FileIO(path), shown)
        try:
            self._zip = zipfile.ZipFile(self._file)
        except _BROKEN:
            self._file.close()
            raise OSError(f"{shown} is a damaged zip archive; it may be cut short. Get it again.") from None
        except BaseException:
            self._file.close()
            raise
        self._file.is_opening = False
        self._members: dict[str, zipfile.ZipInfo] = {}

    def names(self) -> Iterator[str]:
        """Yield a name for each file, once."""
        for info in self._zip.infolist():
            if not info.is_dir():
                name = info.filename
                while name in self._members:
                    name += "~"
                self._members[name] = info
                yield name

    @property
    def is_encrypted(self) -> bool:
        """Return whether its files need a password."""
        return any(info.flag_bits & 1 for info in self._members.values())

    def size(self, name: str) -> int:
        return self._members[name].file_size

    def modified(self, name: str) -> float | None:
        """Return the time in the archive, which is in the zone of the machine that made it."""
        try:
            at = datetime(*self._members[name].date_time)
        except ValueError:
            return None
        return at.timestamp() if at.year > 1980 else None

    def open(self, name: str, shown: str) -> io.BufferedReader:
        """Return a member that people know as ``shown``."""
        info = self._members[name]
        if info.flag_bits & 1:
            raise OSError(f"{shown} is encrypted. Unpack the archive with its password and import the folder.")
        with _in_sentences(shown):
            return io.BufferedReader(_Member(self._zip.open(info), shown), 1 << 16)

    def close(self) -> None:
        self._zip.close()
        self._file.close()


class _ArchiveFile(io.BufferedReader):
    """File of an archive whose table of contents cannot fill the memory."""

    def __init__(self, raw: io.FileIO, shown: str) -> None:
        super().__init__(raw)
        self._shown = shown
        self.is_opening = True

    def read(self, size: int | None = -1, /) -> bytes:
        if self.is_opening and size is not None and size > LARGEST_DIRECTORY:
            raise OSError(f"{self._shown} has too many entries. Unpack it and import the folder.")
        return super().read(size)


class _Member(io.RawIOBase):
    """Member whose damage is an OSError."""

    def __init__(self, file: IO[bytes], shown: str) -> None:
        self._member = file
        self._shown = shown

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return self._member.seekable()

    def seek(self, offset: int, whence: int = 0, /) -> int:
        with _in_sentences(self._shown):
            return self._member.seek(offset, whence)

    def tell(self) -> int:
        return self._member.tell()

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        with _in_sentences(self._shown):
            data = self._member.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._member.close()
        super().close()


@contextmanager
def _in_sentences(shown: str) -> Iterator[None]:
    try:
        yield
    except _BROKEN as error:
        if isinstance(error, NotImplementedError):
            raise OSError(f"{shown} is compressed in an unusual way. Unpack the archive first.") from None
        raise OSError(f"{shown} is damaged in the archive; it may be cut short. Get it again.") from None
    except RuntimeError:
        raise OSError(f"{shown} is encrypted. Unpack the archive first.") from None
