"""A process that is ended in the middle of a write leaves the old file, whole."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

WRITER = """
import sys, time
from pathlib import Path
from dali_mixup._files import replacing

with replacing(Path(sys.argv[1]), sync=True) as file:
    file.write(b"new, but only half of it")
    file.flush()
    print("half", flush=True)
    time.sleep(100)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_the_old_file_is_whole_whatever_ends_the_writer(tmp_path: Path, number: signal.Signals) -> None:
    target = tmp_path / "metrics.csv"
    target.write_text("old")
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, target], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert writer.stdout.readline() == "half\n"
    writer.send_signal(number)
    assert writer.wait(timeout=60) != 0
    assert target.read_text() == "old"
    if number == signal.SIGINT:
        assert [entry.name for entry in tmp_path.iterdir()] == ["metrics.csv"], "nothing is left beside it"
