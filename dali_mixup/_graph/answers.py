"""Answers that hold for a machine and its versions, kept in a file so that each is found only once.

Processes that want the same answer at the same time, such as the ranks of one machine, wait for the first one's.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import time
from collections.abc import Iterator
from pathlib import Path

from dali_mixup._files import NotWritten, make_folder, write_text

log = logging.getLogger("dali_mixup")


def known(file: Path, key: str) -> bool | None:
    """The answer kept under `key`; None if there is none, or no readable file."""
    try:
        answer = json.loads(file.read_text(encoding="utf-8")).get(key)
    except (OSError, ValueError, AttributeError):
        return None
    return answer if isinstance(answer, bool) else None


def keep(file: Path, key: str, answer: bool) -> None:
    """Add an answer, atomically for readers; an answer that cannot be written is found again next time."""
    try:
        old = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        old = {}
    kept = {**old, key: answer} if isinstance(old, dict) else {key: answer}
    try:
        make_folder(file.parent)
        write_text(file, json.dumps(kept, indent=1))
    except NotWritten as error:
        log.info("%s; the next process finds the answer again", error)


@contextlib.contextmanager
def one_at_a_time(file: Path, patience: float) -> Iterator[None]:
    """Run the block in one process at a time; after `patience` seconds, or if files cannot be locked, run it anyway."""
    handle = None
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        handle = open(file.with_suffix(".lock"), "w")  # noqa: SIM115  (closed below, after the block)
        end = time.monotonic() + patience
        while not _locked(handle.fileno()) and time.monotonic() < end:
            time.sleep(0.1)
    except OSError as error:
        log.debug("no lock beside %s (%s)", file, error)
    try:
        yield
    finally:
        if handle is not None:
            handle.close()


def _locked(file: int) -> bool:
    """Lock an open file unless another process has done so."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
