"""examples/ddp.py on one rank, in this process: its checkpoint. Several ranks are in tests/distributed."""

from __future__ import annotations

import runpy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist

from dali_mixup._epochs.state import signed

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(autouse=True)
def group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A process group of this process alone, without a GPU."""
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    dist.init_process_group("gloo", init_method=f"file://{tmp_path}/store", rank=0, world_size=1)
    yield
    dist.destroy_process_group()


@pytest.fixture
def run(imagenet_root: Path, tmp_path: Path) -> Callable[[int], float]:
    """Trains for so many epochs of 6 batches, in a folder that does not exist yet."""
    given = [str(imagenet_root / "train"), str(imagenet_root / "val"), "--model", "shufflenet_v2_x0_5"]
    given += ["--checkpoints", str(tmp_path / "runs" / "first"), "--image-size", "32", "--batch-size", "4"]

    def main(epochs: int) -> float:
        return runpy.run_path(str(EXAMPLES / "ddp.py"))["main"]([*given, "--epochs", str(epochs)])

    return main


def test_interrupted_while_it_saves_it_loses_no_epoch(
    run: Callable[[int], float], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(saved: Any, file: Path) -> None:
        if "optimizer" in saved and saved["optimizer"]["state"][0]["step"] == 12:
            Path(file).write_bytes(b"half of it")
            raise KeyboardInterrupt
        save(saved, file)

    save = torch.save
    with monkeypatch.context() as patched:
        patched.setattr(torch, "save", interrupted)
        with pytest.raises(KeyboardInterrupt):
            run(2)
    run(2)
    saved = torch.load(tmp_path / "runs" / "first" / "checkpoint.pt")
    assert saved["optimizer"]["state"][0]["step"] == 12
    (state,) = saved["loaders"]
    assert (state["epoch"], state["step"]) == (2, 0)


def test_a_finished_run_that_is_started_again_measures_its_model(
    run: Callable[[int], float], capsys: pytest.CaptureFixture[str]
) -> None:
    first = run(1)
    said = capsys.readouterr().out
    assert said.startswith("1 epochs done")
    assert run(1) == first and capsys.readouterr().out == said


def test_another_number_of_ranks_is_refused(run: Callable[[int], float], tmp_path: Path) -> None:
    run(1)
    file = tmp_path / "runs" / "first" / "checkpoint.pt"
    saved = torch.load(file)
    (state,) = saved["loaders"]
    state["fingerprint"]["world_size"] = 2
    torch.save({**saved, "loaders": [signed(state)] * 2}, file)
    with pytest.raises(ValueError, match="world_size: saved 2, now 1"):
        run(2)


@pytest.mark.parametrize("name", ["ddp.py", "ray_train.py"])
def test_the_accuracy_is_that_of_rank_0_s_statistics(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every rank has its own batch statistics after training; rank 0's are saved."""
    if name == "ray_train.py":
        pytest.importorskip("ray")
    validate = runpy.run_path(str(EXAMPLES / name))["validate"]
    model = torch.nn.BatchNorm1d(2, affine=False)
    model.running_mean.copy_(torch.tensor([0.0, 9.0]))  # this rank's: the first class is always the larger
    rank_0 = {"running_mean": [9.0, 0.0], "running_var": [1.0, 1.0], "num_batches_tracked": 3}
    names = {buffer.data_ptr(): name for name, buffer in model.named_buffers()}

    def broadcast(buffer: torch.Tensor, source: int) -> None:
        assert source == 0
        buffer.copy_(torch.tensor(rank_0[names[buffer.data_ptr()]]))

    monkeypatch.setattr(dist, "broadcast", broadcast)
    model.register_parameter("unused", torch.nn.Parameter(torch.zeros(1)))  # whose device is asked for
    images, labels = torch.ones(5, 2), torch.ones(5, dtype=torch.int64)
    given = {"epochs": 1} if name == "ddp.py" else {}
    assert validate(model, [(images, labels)], **given) == 1.0
