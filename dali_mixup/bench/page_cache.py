"""The state of the data in the page cache before a run: brought into memory, or evicted."""

from __future__ import annotations

import os

from dali_mixup.bench.work import Samples

STATES = ("warm", "cold", "as-is")
"""warm: every file is read right before each run. cold: the kernel is asked to drop every file right before each run
(posix_fadvise DONTNEED, which needs no privileges; the bytes that come from storage show whether it did). as-is:
unchanged."""


def prepare(samples: Samples, state: str) -> None:
    """Bring the samples' files into a state of `STATES`."""
    if state == "as-is":
        return
    for path in {path for path, _ in samples}:
        file = os.open(path, os.O_RDONLY)
        if state == "warm":
            while os.read(file, 1 << 22):
                pass
        else:
            os.fsync(file)  # pages that are not yet on the disk cannot be dropped
            os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(file)


def named(state: str, data_bytes: int, memory_bytes: int) -> str:
    """The state in words: warm data that do not fit into memory are not warm."""
    if state == "warm" and data_bytes > memory_bytes:
        return "larger than memory"
    return {"warm": "warm", "cold": "cold (posix_fadvise DONTNEED)", "as-is": "unknown"}[state]
