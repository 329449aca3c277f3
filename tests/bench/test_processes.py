"""Runs in processes of their own, and what they use."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from multiprocessing import get_start_method
from pathlib import Path

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


STARTED = """
import sys, time
from multiprocessing import Process
from pathlib import Path
from dali_mixup.bench.isolated import isolated

def work(folder):
    Process(target=time.sleep, args=(600,), daemon=True).start()
    (Path(folder) / "begun").touch()
    time.sleep(600)

if __name__ == "__main__":
    isolated(work, sys.argv[1], limit=600)
"""

# Ctrl-C when the server has been asked for a process and not yet told what it is to do.
HALF_STARTED = STARTED.replace(
    "    isolated(",
    """
    import os, signal
    from multiprocessing import reduction
    sendfds = reduction.sendfds
    def interrupted(*arguments):
        sendfds(*arguments)
        os.killpg(0, signal.SIGINT)
    reduction.sendfds = interrupted
    isolated(""",
)


# Ctrl-C when the server has just been started.
STARTING = STARTED.replace(
    "    isolated(",
    """
    import os, signal
    from multiprocessing import util
    spawned = util.spawnv_passfds
    def interrupted(path, arguments, *others):
        pid = spawned(path, arguments, *others)
        if "forkserver" in str(arguments):
            os.killpg(0, signal.SIGINT)
        return pid
    util.spawnv_passfds = interrupted
    isolated(""",
)
SCRIPTS = {"half started": HALF_STARTED, "while the server starts": STARTING}
"""Those that interrupt themselves."""


def members(group: int) -> int:
    """The number of processes of a group."""
    found = subprocess.run(["ps", "-e", "-o", "pgid="], capture_output=True, text=True, check=True).stdout
    return found.split().count(str(group))


def until(reached: Callable[[], bool]) -> None:
    end = time.monotonic() + 120
    while not reached():
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.parametrize("when", ["in the work", "while the server imports", *SCRIPTS])
def test_ctrl_c_ends_all_processes_with_one_traceback(tmp_path: Path, when: str) -> None:
    """A terminal sends it to the whole group; only the process that called has something to say."""
    script, begun = tmp_path / "script.py", tmp_path / "begun"
    script.write_text(SCRIPTS.get(when, STARTED))
    process = subprocess.Popen(
        [sys.executable, str(script), str(tmp_path)],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    if when not in SCRIPTS:
        # The server and multiprocessing's tracker.
        until(begun.exists if when == "in the work" else lambda: members(process.pid) > 2)
        os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=120)
    assert process.returncode == -signal.SIGINT and said.count("Traceback") == 1, said
    assert begun.exists() == (when == "in the work")
    until(lambda: members(process.pid) == 0)
