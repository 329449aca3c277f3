"""A rank that dies ends the run under torchrun, with a message, and the last checkpoint stays whole."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

TORCHRUN = (sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2")

WORK = """
import os, signal, sys
from dali_mixup.train import TrainOptions, prepared

recipe, data, output = sys.argv[1:]
with prepared(TrainOptions(recipe, data, output=output, device="cpu", num_threads=1, epochs=50, image_size=32,
                           batch_size=4, checkpoint_every=1)) as run:
    step = run.learner.step
    def dying(*arguments):
        step(*arguments)
        if run.process.rank == 1 and run.step == 3:
            os.kill(os.getpid(), signal.SIGKILL)
    run.learner.step = dying
    run.until_done()
"""


@pytest.mark.slow
def test_a_rank_that_is_killed_ends_the_run(recipe: str, few_photographs: Path, tmp_path: Path) -> None:
    script = tmp_path / "work.py"
    script.write_text(WORK)
    done = subprocess.run(
        [*TORCHRUN, str(script), recipe, str(few_photographs), str(tmp_path / "run")],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert done.returncode != 0
    assert "SIGKILL" in done.stderr or "exitcode: -9" in done.stderr.replace(" ", "").replace(":", ": ")
    state = torch.load(tmp_path / "run" / "checkpoint.pt", weights_only=True)
    assert state["step"] == 2 and len(state["processes"]) == 2
