"""The rate of a loader, in images per second and in CPU time."""

from __future__ import annotations

import time
from typing import Any


def timed(loader: Any, warm_up: int, count: int, rows: int) -> tuple[float, float]:
    """Images per second, and milliseconds of this process's CPU time per image, of `count` batches of `rows` images
    after `warm_up` others. The loader is closed."""
    with loader:
        batches = iter(loader)
        for _ in range(warm_up):
            next(batches)
        cpu, start = time.process_time(), time.perf_counter()
        for _ in range(count):
            float(next(batches)[0][0, 0, 0, 0])
        seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    return count * rows / seconds, 1000 * cpu / (count * rows)
