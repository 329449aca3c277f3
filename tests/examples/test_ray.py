"""The Ray Train example on a local Ray of two CPU workers, in a process of its own: Ray changes the one it is in."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

EXAMPLES = Path(__file__).parents[2] / "examples"
QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
START = (
    "import ray, runpy, sys\n"
    "ray.init(num_cpus=3, include_dashboard=False, object_store_memory=10**8)\n"
    "runpy.run_path(sys.argv.pop(1), run_name='__main__')"
)

pytest.importorskip("ray")
pytestmark = pytest.mark.slow  # a minute: Ray starts a dozen processes


def run(example: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", START, str(EXAMPLES / example), *map(str, arguments)]
    return subprocess.run(command, env=os.environ | QUIET, capture_output=True, text=True, timeout=900)


def test_ray_train_resumes_from_its_checkpoint(imagenet_root: Path, tmp_path: Path) -> None:
    given = [imagenet_root / "train", imagenet_root / "val", "--storage", tmp_path / "runs"]
    given += ["--model", "shufflenet_v2_x0_5", "--image-size", 32, "--batch-size", 4]
    for epochs in (1, 2):  # the second time it resumes
        done = run("ray_train.py", *given, "--epochs", epochs)
        assert done.returncode == 0, done.stderr[-3000:]
        assert f"{epochs} epochs done" in done.stdout
    saved = sorted((tmp_path / "runs").rglob("loaders.pt"))
    states = [
        [(state["rank"], state["epoch"], state["step"]) for state in torch.load(file)] for file in saved
    ]
    assert sorted(states) == [[(0, 1, 0), (1, 1, 0)], [(0, 2, 0), (1, 2, 0)]]


def test_ray_train_with_one_worker_which_has_no_ddp(imagenet_root: Path, tmp_path: Path) -> None:
    given = [imagenet_root / "train", imagenet_root / "val", "--storage", tmp_path / "not yet" / "runs"]
    given += ["--model", "shufflenet_v2_x0_5", "--image-size", 32, "--batch-size", 4, "--workers", 1]
    for _ in range(2):  # the second time it loads its checkpoint and has nothing left to do
        done = run("ray_train.py", *given, "--epochs", 1)
        assert done.returncode == 0, done.stderr[-3000:]
        assert "1 epochs done" in done.stdout


def test_parts_of_a_check_run_as_ray_tasks(imagenet_root: Path, tmp_path: Path) -> None:
    data, unfit = tmp_path / "data", tmp_path / "unfit.jsonl"
    shutil.copytree(imagenet_root / "train" / "n01440764", data / "a")
    (data / "a" / "empty.jpg").write_bytes(b"")
    done = run("ray_parts.py", data, "--parts", 2, "--cpus", 1, "--exclude", unfit)
    assert done.returncode == 1, done.stderr[-3000:]
    assert json.loads(unfit.read_text()) == {"path": "a/empty.jpg", "problem": "empty"}
    written = [line for line in done.stdout.splitlines() if line.startswith("wrote ")]
    assert written == [f"wrote {unfit}: 1 unfit files"], "not the files of the parts, which are gone"
