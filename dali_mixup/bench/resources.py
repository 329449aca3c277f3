"""The resources used by a measurement: CPU time, memory and reads of a process and of the workers it starts."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from types import TracebackType

import psutil
import torch


@dataclass(frozen=True)
class Usage:
    """Sums over this process and its descendants, including those that have ended.

    Attributes:
        cpu: seconds of user and system time.
        read: bytes that came from storage, not from the page cache; -1 if the kernel does not report it.
        processes, threads: their current numbers.
    """

    cpu: float
    read: int
    processes: int
    threads: int


def usage() -> Usage:
    cpu, read, threads, tree = 0.0, 0, 0, _tree()
    own = tree[0].cpu_times()
    cpu = own.children_user + own.children_system  # of the descendants that have ended
    for process in tree:
        try:
            times = process.cpu_times()
            cpu += times.user + times.system
            threads += process.num_threads()
            read += process.io_counters().read_bytes
        except psutil.NoSuchProcess:
            continue
        except (psutil.AccessDenied, AttributeError):
            read = -1
    return Usage(cpu, read, len(tree), threads)


def host_memory() -> int:
    """Bytes of memory of this process and its descendants; shared pages are counted once, in shares (PSS)."""
    total = 0
    for process in _tree():
        try:
            total += process.memory_full_info().pss
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return total


def device_memory(device: str) -> int:
    """Bytes in use on the GPU by all processes; 0 for the CPU. The difference of two calls is the growth."""
    if device == "cpu":
        return 0
    free, total = torch.cuda.mem_get_info()
    return total - free


class PeakMemory:
    """The largest host and device memory while the block runs, sampled every `interval` seconds from a thread.

    Sampling costs some milliseconds of CPU time, so keep timed work out of the block or the interval long.
    """

    def __init__(self, device: str, interval: float = 0.25):
        self.device, self.interval = device, interval
        self.host = self.on_device = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def look(self) -> None:
        self.host = max(self.host, host_memory())
        self.on_device = max(self.on_device, device_memory(self.device))

    def _watch(self) -> None:
        while not self._over.wait(self.interval):
            self.look()

    def __enter__(self) -> PeakMemory:
        self.look()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
        if error is None:
            self.look()


def _tree() -> list[psutil.Process]:
    own = psutil.Process()
    return [own, *own.children(recursive=True)]
