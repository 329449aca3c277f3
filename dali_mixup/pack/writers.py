"""The two layouts of a shard on disk: one tar, or a file per image."""

from __future__ import annotations

import hashlib
import os
import tarfile
import zlib
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO, Any

from dali_mixup._files import NotWritten, make_folder, replacing
from dali_mixup.pack.crew import PackingError
from dali_mixup.pack.images import PackedImage
from dali_mixup.pack.names import file_path, shard_name
from dali_mixup.pack.options import Layout
from dali_mixup.sources.archives.pack_lines import COLUMNS, Shard
from dali_mixup.sources.archives.packed import WORK_FOLDER
from dali_mixup.sources.names import system_name


@dataclass(frozen=True)
class Job:
    """One shard to write.

    Attributes:
        folder: the packed folder.
        number: of the shard.
        layout: see `Options`.
    """

    folder: str
    number: int
    layout: Layout


@dataclass
class Writer(ABC):
    """Takes the samples of a shard one after the other, and notes where they are."""

    job: Job
    rows: list[tuple[Any, ...]] = field(default_factory=list)
    bytes: int = 0
    sha256: str = ""

    def add(self, key: str, label: int, class_name: str, position: int, image: PackedImage) -> None:
        """Write a sample.

        Args:
            key, label, class_name: of the sample.
            position: in the order of all samples.
            image: its image.
        """
        member, offset = self.write(key, label, class_name, position, image)
        content = image.content
        self.rows.append(
            (key, label, member, offset, len(content), zlib.crc32(content), image.width, image.height)
        )

    @abstractmethod
    def write(
        self, key: str, label: int, class_name: str, position: int, image: PackedImage
    ) -> tuple[str, int]:
        """Name and offset of the image, which is written now."""

    def shard(self, left_out: list[list[str]]) -> Shard:
        """The line of the finished shard."""
        columns = [list(column) for column in zip(*self.rows, strict=True)] or [[] for _ in COLUMNS]
        return Shard(
            number=self.job.number,
            file=shard_name(self.job.number) if self.job.layout == "shards" else "",
            bytes=self.bytes,
            sha256=self.sha256,
            left_out=left_out,
            **dict(zip(COLUMNS, columns, strict=True)),
        )


@contextmanager
def writer(job: Job) -> Iterator[Writer]:
    """A writer, whose shard is complete on the disk when the block ends without an error. NotWritten as in
    `replacing`."""
    if job.layout == "files":
        files = FileWriter(job)
        yield files
        os.sync()  # one for all files; each by itself would take a thousand times longer
        return
    with replacing(os.path.join(job.folder, shard_name(job.number)), sync=True) as file:
        shard = TarWriter(job, file)
        yield shard
        shard.close()


class TarWriter(Writer):
    """A tar in the WebDataset convention: an image and its label, named by the position of the sample.

    Args:
        job: the shard.
        file: the open file.
    """

    def __init__(self, job: Job, file: IO[bytes]) -> None:
        super().__init__(job)
        self._file, self._digest = file, hashlib.sha256()

    def write(
        self, key: str, label: int, class_name: str, position: int, image: PackedImage
    ) -> tuple[str, int]:
        name = f"{position:09d}.{image.ending}"
        offset = self._member(name, image.content)
        self._member(f"{position:09d}.cls", b"%d" % label)
        return name, offset

    def close(self) -> None:
        """Write the end of the archive."""
        self._append(bytes(2 * tarfile.BLOCKSIZE))
        self.sha256 = self._digest.hexdigest()

    def _member(self, name: str, content: bytes) -> int:
        """Write a member, with nothing in its header that differs between runs; returns where its content begins."""
        info = tarfile.TarInfo(name)
        info.size = len(content)
        self._append(info.tobuf(tarfile.USTAR_FORMAT))
        offset = self.bytes
        self._append(content + bytes(-len(content) % tarfile.BLOCKSIZE))
        return offset

    def _append(self, content: bytes) -> None:
        self._file.write(content)
        self._digest.update(content)
        self.bytes += len(content)


class FileWriter(Writer):
    """A file per image, in a folder per class.

    Args:
        job: the shard.
    """

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        self._written: set[str] = set()

    def write(
        self, key: str, label: int, class_name: str, position: int, image: PackedImage
    ) -> tuple[str, int]:
        path = file_path(key, class_name, image)
        if path in self._written:
            raise PackingError(f"{key!r} would replace the file {path!r} of another image")
        self._written.add(path)
        target = os.path.join(self.job.folder, system_name(path))
        make_folder(os.path.dirname(target))
        # Not beside its target: what a killed run leaves must not lie among a million files.
        partial = os.path.join(self.job.folder, WORK_FOLDER, f"{self.job.number:06d}.file")
        with replacing(partial) as file:
            file.write(image.content)
        try:
            os.replace(partial, target)
        except OSError as error:
            raise NotWritten(error.errno, error.strerror, target) from error
        self.bytes += len(image.content)
        return path, 0
