"""Two processes, each with files of its own as on hosts that share no folder: they train one network, or both end."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

BEGINNING = """
import functools, os, re, sys
from pathlib import Path
import torch, torch.distributed as dist
from dali_mixup import val_loader
from dali_mixup.train import TrainOptions, TrainingError, prepared, train

dist.init_process_group("gloo")  # one for all runs: torch cannot make a second one from torchrun's store
rank = dist.get_rank()
recipe, data, folder = sys.argv[1:]
common = dict(device="cpu", num_threads=1, epochs=2, image_size=32, batch_size=4)
given = functools.partial(TrainOptions, recipe, data, **common)

def refused(kind, message, **options):
    try:
        train(given(**options))
    except kind as error:
        assert re.search(message, str(error)), (rank, str(error))
    else:
        raise AssertionError((rank, "not refused", options))
    dist.barrier()  # both have ended, at the same place

"""

UNSHARED = """
output = Path(folder, f"host{rank}")
first = train(given(output=output, max_steps=3))
assert not first.finished and (output / "checkpoint.pt").exists() == (rank == 0)
refused(ValueError, r"checkpoint\\.pt exists on rank 0; continue it with --resume", output=output)
refused(ValueError, r"exists on rank 0 but not on rank 1\\. Rank 0 writes it", output=output, resume=True)

copy = lambda: rank == 1 and (output.mkdir(exist_ok=True), (output / "checkpoint.pt").write_bytes(
    Path(folder, "host0", "checkpoint.pt").read_bytes()))
copy()
dist.barrier()
second = train(given(output=output, max_steps=2, resume=True))
assert second.step == 5
refused(ValueError, r"another checkpoint on rank 1 \\(epoch 0, step 3\\) than on rank 0 \\(epoch 0, step 5\\)",
        output=output, resume=True)
copy()
if rank == 1:
    Path(folder, "host1", "checkpoint.pt").write_bytes(b"no checkpoint")
told = "not a checkpoint that can be read"
told = told if rank == 1 else f"ends because rank 1 failed: ValueError: .*{told}"
refused(ValueError, told, output=output, resume=True)
copy()
dist.barrier()
last = train(given(output=output, resume=True))
assert last.finished and last.metrics["epoch"] == 1

(output / "checkpoint.pt").unlink()
if rank == 0:
    (output / "metrics.csv").write_text("not ours")
dist.barrier()
refused(ValueError, "the columns are not ours" if rank == 0 else "rank 0 failed: .*the columns are not ours",
        output=output)
missing = {"data": data if rank else Path(folder, "nowhere")}
try:
    train(TrainOptions(recipe, **missing, output=output, device="cpu", batch_size=4))
except (FileNotFoundError, ValueError) as error:
    assert ("rank 0 failed: FileNotFoundError" in str(error)) == (rank == 1), str(error)
else:
    raise AssertionError("not refused")
"""

VALIDATED = """
losses = []
with prepared(given(output=folder)) as run:
    shared = run._validate
    def alone(model):
        report = shared(model)
        loader = val_loader(Path(data, "val"), batch_size=5, device="cpu", rank=0, world_size=1,
                            transform=run.val_loader.spec.pipeline.first.transform)
        with torch.no_grad():
            sums = [torch.nn.functional.cross_entropy(model.eval()(x), y, reduction="sum") for x, y in loader]
        model.train(model is run.learner.bare)
        losses.append((report["loss"], float(sum(sums)) / len(loader.dataset)))
        return report
    run._validate = alone
    assert run.until_done().finished
assert len(losses) == 4  # of the weights and of their average, twice
for together, own in losses:
    assert abs(together - own) < 1e-5 * own, (rank, losses)
dist.barrier()

with prepared(given(output=folder + "2")) as run:
    shared = run._validate
    def ruined_here(model):
        report = shared(model)
        return {**report, "loss": float("nan")} if rank == 1 else report
    run._validate = ruined_here
    try:
        run.until_done()
    except TrainingError as error:
        assert "validation loss became NaN" in str(error)
    else:
        raise AssertionError((rank, "not refused"))
dist.barrier()
with prepared(given(output=folder + "3")) as run:
    if rank == 1:
        with torch.no_grad():
            next(run.learner.bare.parameters()).fill_(float("inf"))
    try:
        run.save()
    except TrainingError as error:
        assert "the weights became NaN or infinite" in str(error)
    else:
        raise AssertionError((rank, "not refused"))
assert not Path(folder + "2", "checkpoint.pt").exists() and not Path(folder + "3", "checkpoint.pt").exists()
"""


SAVED = """
import time
from dali_mixup._files import NotWritten
from dali_mixup.train import OtherRankFailed, checkpoint

with prepared(given(output=folder)) as run:
    save = checkpoint.save
    checkpoint.save = lambda *arguments: (time.sleep(1), save(*arguments))
    run.save()
    assert Path(folder, "checkpoint.pt").exists(), f"rank {rank} did not wait"

    def full(*_):
        raise NotWritten(28, "No space left on device", "checkpoint.pt")

    checkpoint.save = full
    try:
        run.save()
    except (OtherRankFailed if rank else NotWritten) as error:
        assert "No space left on device" in str(error)
    else:
        raise AssertionError((rank, "not refused"))
"""


def carried_out(work: str, folder: Path, recipe: str, data: Path) -> None:
    script = folder / "work.py"
    script.write_text(f"{BEGINNING}{work}\ndist.barrier()\ndist.destroy_process_group()\n")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run(
        [*command, str(script), recipe, str(data), str(folder / "out")],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr[-5000:]


@pytest.mark.slow
def test_without_a_shared_folder_all_processes_resume_the_same_or_end(
    recipe: str, few_photographs: Path, tmp_path: Path
) -> None:
    (tmp_path / "out").mkdir()
    carried_out(UNSHARED, tmp_path, recipe, few_photographs)


def test_all_processes_wait_until_the_checkpoint_is_written_or_end(
    recipe: str, few_photographs: Path, tmp_path: Path
) -> None:
    """A launcher ends the first rank, and what it still writes, once another one has ended with a failure."""
    carried_out(SAVED, tmp_path, recipe, few_photographs)


def test_all_processes_judge_one_network_and_end_together(
    recipe: str, few_photographs: Path, tmp_path: Path
) -> None:
    carried_out(VALIDATED, tmp_path, recipe, few_photographs)
