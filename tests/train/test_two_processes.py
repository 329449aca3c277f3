"""Two processes under torchrun: they learn one network, and resume it exactly."""

from __future__ import annotations

import csv
import os
import subprocess
import sys
from pathlib import Path

import torch

WORK = """
import sys
import torch.distributed as dist
from dali_mixup.train import TrainOptions, train

dist.init_process_group("gloo")  # one for all three runs: torch cannot make a second one from torchrun's store
recipe, data, whole, cut = sys.argv[1:]
common = dict(device="cpu", num_threads=1, epochs=2, image_size=32, accumulate=2, batch_size=4)
assert train(TrainOptions(recipe, data, output=whole, **common)).finished
first = train(TrainOptions(recipe, data, output=cut, max_steps=5, **common))
assert not first.finished and first.step == 5
assert train(TrainOptions(recipe, data, output=cut, resume=True, **common)).finished
dist.destroy_process_group()
"""


def test_two_processes_learn_and_resume_exactly(recipe: str, few_photographs: Path, tmp_path: Path) -> None:
    script = tmp_path / "work.py"
    script.write_text(WORK)
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [*command, str(script), recipe, str(few_photographs), str(whole), str(cut)],
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "on 2 x cpu" in done.stdout and done.stdout.count("epoch 0:") == 2  # one process speaks

    ours, theirs = (torch.load(folder / "checkpoint.pt", weights_only=True) for folder in (whole, cut))
    assert len(ours["processes"]) == 2
    assert ours["processes"][0]["loader"]["rank"] == 0 and ours["processes"][1]["loader"]["rank"] == 1
    a, b = ours["learner"]["model"], theirs["learner"]["model"]
    assert all(torch.equal(a[key], b[key]) for key in a)
    with (whole / "metrics.csv").open() as file:
        line = next(csv.DictReader(file))
    assert int(line["step"]) == 4  # 60 images: 7 batches of 2 x 4 an epoch, two batches per step
