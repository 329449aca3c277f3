"""What of the data is in memory before a run: brought there, or thrown out."""

from __future__ import annotations

import os

from dali_mixup.bench.work import Samples

STATES = ("warm", "cold", "as-is")
"""warm: every file is read right before each run. cold: the kernel is asked to forget every file right before each run
(posix_fadvise DONTNEED, which needs no privileges; the bytes that come from storage tell whether it did). as-is: left
alone."""


def prepare(samples: Samples, state: str) -> None:
    """Brings the samples' files into a state of `STATES`."""
    if state == "as-is":
        return
    for path in {path for path, _ in samples}:
        file = os.open(path, os.O_RDONLY)
        if state == "warm":
            while os.read(file, 1 << 22):
                pass
        else:
            os.fsync(file)  # pages that are not on the disk yet cannot be forgotten
            os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(file)


def named(state: str, data_bytes: int, memory_bytes: int) -> str:
    """The state in words: warm data that do not fit into memory are not warm."""
    if state == "warm" and data_bytes > memory_bytes:
        return "larger than memory"
    return {"warm": "warm", "cold": "cold (posix_fadvise DONTNEED)", "as-is": "unknown"}[state]
