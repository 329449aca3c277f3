"""The questions for a GPU run from end to end with the CPU in its place. Their answers mean nothing here."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from torch.autograd import DeviceType
from torch.autograd.profiler_util import EventList, FunctionEvent

from benchmarks.gpu_questions import QUESTIONS
from benchmarks.gpu_questions.fast import on_the_gpu

CHECKOUT = Path(__file__).parents[2]
SMALL = ["--device", "cpu", "--images", "200", "--batch-size", "8", "--threads", "2"]


def visited(out: Path, *names: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks.gpu_visit", "--out", str(out), *SMALL, *names]
    return subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)


def test_an_unknown_question_is_refused(tmp_path: Path) -> None:
    done = visited(tmp_path, "weather")
    assert done.returncode == 2 and "no questions named weather" in done.stderr


def event(
    number: int, name: str, start: int, stop: int, device: DeviceType, kernels: Any = ()
) -> FunctionEvent:
    made = FunctionEvent(
        id=number,
        name=name,
        thread=1,
        start_us=start,
        end_us=stop,
        device_type=device,
        use_device="cuda",
        device_index=0,
        node_id=-1,
        stack=[],
    )
    for kernel in kernels:
        made.append_kernel(*kernel)
    return made


def test_what_an_operator_of_torch_launches_is_counted_once() -> None:
    events = EventList(
        [
            event(1, "aten::to", 0, 100, DeviceType.CPU),
            event(2, "aten::_to_copy", 10, 90, DeviceType.CPU),
            event(3, "aten::copy_", 20, 80, DeviceType.CPU, [("Memcpy HtoD", 0, 50)]),
            event(4, "Memcpy HtoD", 200, 250, DeviceType.CUDA),
        ],
        use_device="cuda",
    )
    events._build_tree()
    expected = [{"kernel": "Memcpy HtoD", "per batch": 0.5, "ms": 0.025}]
    assert on_the_gpu(events.key_averages(), 2) == expected


@pytest.mark.slow
@pytest.mark.parametrize("name", QUESTIONS)
def test_a_question_is_answered(name: str, tmp_path: Path) -> None:
    done = visited(tmp_path, name)
    assert done.returncode == 0 and f"{name}: exit 0" in done.stdout, done.stderr[-2000:]
    assert json.loads((tmp_path / f"{name}.json").read_text())
    if name == "options":
        assert set(json.loads((tmp_path / "options.json").read_text()).values()) == {"ok"}
