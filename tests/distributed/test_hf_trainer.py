"""Hugging Face's Trainer on two ranks, whose shares of the validation differ by a step and a row."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "hf_trainer.py"


@pytest.mark.slow
def test_its_evaluation_counts_every_image_once(imagenet_root: Path, tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    val = tmp_path / "val"
    shutil.copytree(imagenet_root / "val", val)
    images = sorted(path for path in val.rglob("*") if path.is_file())
    images[0].unlink()
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    given = [EXAMPLE, imagenet_root / "train", val, "--output", tmp_path / "run", "--epochs", "1"]
    ran = subprocess.run(
        [*torchrun, *given, "--image-size", "32", "--batch-size", "5", "--width", "4"],
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.count(f"of {len(images) - 1} validation images correct") == 1, ran.stdout
