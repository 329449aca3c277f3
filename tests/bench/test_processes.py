"""Runs in processes of their own, and what they use."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from multiprocessing import get_start_method

import pytest

from dali_mixup.bench.isolated import RunFailed, isolated
from dali_mixup.bench.resources import PeakMemory, usage


def _add(a: int, b: int) -> int:
    return a + b


def _refuse() -> None:
    raise ValueError("no such luck")


def _die() -> None:
    os._exit(7)


def _start_method() -> str:
    return get_start_method()


def test_result_comes_back_from_another_process() -> None:
    assert isolated(_add, 2, 3, limit=60) == 5
    assert isolated(os.getpid, limit=60) != os.getpid()


def test_workers_inside_start_as_a_users_would() -> None:
    assert isolated(_start_method, limit=60) == get_start_method()


def test_error_death_and_time_limit_are_told_apart() -> None:
    with pytest.raises(RunFailed, match="ValueError: no such luck"):
        isolated(_refuse, limit=60)
    with pytest.raises(RunFailed, match="exit code 7"):
        isolated(_die, limit=60)
    with pytest.raises(RunFailed, match=r"no result after 0\.5 s"):
        isolated(time.sleep, 60, limit=0.5)


def test_cpu_time_of_a_child_that_has_ended_counts() -> None:
    before = usage().cpu
    burn = "import time\nwhile time.process_time() < 0.3: pass"
    subprocess.run([sys.executable, "-c", burn], check=True)
    assert round(usage().cpu - before, 2) >= 0.29


def test_peak_memory_sees_what_was_freed_again() -> None:
    with PeakMemory("cpu", interval=0.02) as peak:
        at_start = peak.host
        block = bytearray(os.urandom(1) * (400 << 20))
        peak.look()
        del block
    # The share of pages that other Python processes of the machine have too changes when they come and go.
    assert 300 << 20 < peak.host - at_start < 600 << 20
    assert peak.on_device == 0
