"""What is done already in a packed folder, so that a killed run continues.

    <folder>/.pack/plan.json        the settings of all runs that write to this folder
    <folder>/.pack/000012.json      the digest of the plan, and the line of a finished shard
    <folder>/shard-000012.tar       the shard itself: complete, since it is written beside and renamed

A shard is finished when both its file and its line are there; the line comes last. When all are there, `merge` makes
one pack.jsonl of them, and .pack goes.
"""

from __future__ import annotations

import fcntl
import logging
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from dali_mixup._files import UNFINISHED, NotWritten, make_folder, replacing
from dali_mixup._repr import printable
from dali_mixup.pack.crew import PackingError
from dali_mixup.pack.plan import Plan, differences
from dali_mixup.sources.archives.pack_lines import Shard
from dali_mixup.sources.archives.packed import PACK_FILE, WORK_FOLDER, read_lines

_log = logging.getLogger("dali_mixup")
_PLAN = "plan.json"
_PARTIAL = re.compile(rf"(?:shard-)?(\d{{6,}})\.(?:tar|json|file)(?:{UNFINISHED})?")


class Journal:
    """The state of a packed folder.

    Args:
        folder: the packed folder.
        plan: its plan.
    """

    def __init__(self, folder: Path, plan: Plan) -> None:
        self.folder, self.plan = folder, plan
        self.work = folder / WORK_FOLDER
        self._digest = plan.digest()

    def is_complete(self) -> bool:
        """True if packing has ended.

        Raises:
            ValueError: it ended with other settings.
        """
        file = self.folder / PACK_FILE
        if not file.exists():
            return False
        self._compare(read_lines(str(file))[0].plan)
        return True

    def begin(self) -> None:
        """Make the folder and write the plan, unless a run did so before.

        Raises:
            ValueError: the folder holds other data, or was begun with other settings.
            NotWritten: it cannot be written.
        """
        file = self.work / _PLAN
        # Looked at before the plan: what other parts write that begin at this moment comes after theirs.
        foreign = (
            [name for name in os.listdir(self.folder) if name != WORK_FOLDER] if self.folder.exists() else []
        )
        if file.exists():
            self._compare(read_plan(self.folder).settings())
            return
        if foreign:
            raise ValueError(
                f"the folder {str(self.folder)!r} is not empty: it holds {foreign[0]!r}; give a new folder for the "
                "packed data"
            )
        make_folder(self.work)
        with replacing(file, sync=True) as out:
            out.write(self.plan.dump().encode())

    def shard(self, number: int) -> Shard | None:
        """A finished shard; None if it is not finished.

        Raises:
            ValueError: it is of another plan.
        """
        try:
            digest, _, line = (self.work / f"{number:06d}.json").read_text().partition("\n")
            shard = Shard.parse(line, len(self.plan.classes))
            size = os.path.getsize(self.folder / shard.file) if shard.file else shard.bytes
        except (FileNotFoundError, ValueError):
            return None
        if digest != self._digest:
            raise ValueError(
                f"{str(self.work)!r} holds shard {number} of another plan: other data, classes or options. All parts "
                "must be packed from the same data with the same options"
            )
        return shard if size == shard.bytes else None

    def enter(self, shard: Shard) -> None:
        """Note that a shard is finished."""
        with replacing(self.work / f"{shard.number:06d}.json", sync=True) as out:
            out.write(f"{self._digest}\n{shard.line()}\n".encode())

    def clean(self, numbers: Sequence[int]) -> None:
        """Remove what killed runs left of these unfinished shards. NotWritten if that is impossible."""
        wanted = set(numbers)
        for folder in (self.folder, self.work):
            with _writing(folder), os.scandir(folder) as entries:
                for entry in entries:
                    found = _PARTIAL.fullmatch(entry.name)
                    ours = found and int(found[1]) in wanted and entry.name.endswith((".partial", ".file"))
                    if ours and entry.is_file(follow_symlinks=False):  # a class may have any name
                        os.remove(entry.path)

    @contextmanager
    def locked(self, name: str) -> Iterator[None]:
        """Keeps a second process from writing the same part. A killed process leaves no lock.

        Raises:
            PackingError: another process is writing it.
            NotWritten: the lock cannot be written, as in a folder that another user began.
        """
        path = self.work / f"{name}.lock"
        with _writing(path):
            lock = open(path, "w")  # noqa: SIM115  (closed below)
        with lock as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise PackingError(f"another process is packing {name} into {str(self.folder)!r}") from None
            except OSError as error:
                _log.info("%s cannot be locked (%s): start no second process for it", self.work, error)
            yield

    def _compare(self, settings: dict[str, Any]) -> None:
        if other := differences(settings, self.plan.settings()):
            raise ValueError(
                f"the folder {str(self.folder)!r} was begun with other data or options: {other}. Repeat these to "
                "continue, or give a new folder"
            )


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Errors of the system in the block as NotWritten, about the path that they name, or else this one."""
    try:
        yield
    except OSError as error:
        raise NotWritten(error.errno, error.strerror, error.filename or os.fspath(path)) from error


def remove_work(folder: Path) -> None:
    """Remove the state of a folder whose pack.jsonl is written, also what a killed removal left of it. The packed data
    are complete without, so where it cannot be removed, a warning says so."""
    work = folder / WORK_FOLDER
    try:
        with suppress(FileNotFoundError):
            shutil.rmtree(work)
    except OSError as error:
        reason = error.strerror or str(error)
        _log.warning("%s is no longer needed but cannot be removed: %s", printable(str(work)), reason)


def read_plan(folder: Path) -> Plan:
    """The plan of a folder in which packing has begun.

    Raises:
        FileNotFoundError: it has not begun there, or is complete.
        ValueError: the plan is damaged.
    """
    file = folder / WORK_FOLDER / _PLAN
    if not file.exists():
        raise FileNotFoundError(
            f"{str(folder)!r} holds no unfinished packed data ({WORK_FOLDER}/{_PLAN} is missing)"
        )
    try:
        return Plan.load(file.read_text())
    except ValueError as error:
        raise ValueError(f"{str(file)!r}: {error}") from None
