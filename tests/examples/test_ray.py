"""The Ray Train example on a local Ray of two CPU workers, in a process of its own: Ray changes the one it is in."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

EXAMPLE = Path(__file__).parents[2] / "examples" / "ray_train.py"


@pytest.mark.slow  # a minute: Ray starts twice
def test_ray_train_resumes_from_its_checkpoint(imagenet_root: Path, tmp_path: Path) -> None:
    pytest.importorskip("ray")
    quiet = {"RAY_USAGE_STATS_ENABLED": "0", "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
    given = [str(imagenet_root / "train"), str(imagenet_root / "val"), "--storage", str(tmp_path / "runs")]
    given += ["--model", "shufflenet_v2_x0_5", "--image-size", "32", "--batch-size", "4"]
    start = (
        "import ray, runpy, sys\n"
        "ray.init(num_cpus=3, include_dashboard=False, object_store_memory=10**8)\n"
        "runpy.run_path(sys.argv.pop(1), run_name='__main__')"
    )
    for epochs in (1, 2):  # the second time it resumes
        done = subprocess.run(
            [sys.executable, "-c", start, str(EXAMPLE), *given, "--epochs", str(epochs)],
            env=os.environ | quiet,
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        assert f"{epochs} epochs done" in done.stdout
    saved = sorted((tmp_path / "runs").rglob("loaders.pt"))
    states = [
        [(state["rank"], state["epoch"], state["step"]) for state in torch.load(file)] for file in saved
    ]
    assert sorted(states) == [[(0, 1, 0), (1, 1, 0)], [(0, 2, 0), (1, 2, 0)]]
    assert "Training again" not in done.stderr
