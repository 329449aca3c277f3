"""Two processes: every rank mixes its own batch, the gradients are averaged, the teachers stay equal."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from dali_mixup.latent import (
    EMATeacher,
    InterpolationConsistency,
    ManifoldMixup,
    MixMatchStep,
    MultiMix,
    SelfDistillation,
    step_generator,
)
from dali_mixup.losses import soft_cross_entropy

B, D, C, STEPS = 6, 5, 3, 4
MEAN = "model.1.running_mean"


def data(rank: int, step: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    g = torch.Generator().manual_seed(100 * rank + step)
    return torch.randn(B, D, generator=g), torch.randint(C, (B,), generator=g), torch.randn(B, D, generator=g)


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(D, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, C))


def losses(model: nn.Module, mixup: ManifoldMixup, teacher: EMATeacher, rank: int, step: int) -> torch.Tensor:
    """One step in which everything takes part."""
    x, labels, u = data(rank, step)
    g = step_generator(0, rank=rank, step=step)
    loss = soft_cross_entropy(*mixup(model, x, labels, generator=g))
    rows, targets, weights = MultiMix(C, n=20)(model(x), labels, mixed=False, generator=g)
    loss = loss + SelfDistillation()(rows, targets, teacher(x), weights)
    loss = loss + InterpolationConsistency()(model, teacher, u, generator=g)
    both = MixMatchStep(C)(model, x, labels, [u, u.flip(0)], generator=g)
    return loss + both.supervised + both.unsupervised


def train(rank: int, folder: str, broadcast: bool) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/store", rank=rank, world_size=2)
    bare = network()
    mixup = ManifoldMixup(bare, ["0", "2"])
    teacher = EMATeacher(bare, decay=0.9)
    model = DistributedDataParallel(bare, **({} if broadcast else {"broadcast_buffers": False}))
    optimiser = torch.optim.SGD(model.parameters(), lr=0.1)
    layers = []
    for step in range(STEPS):
        layers.append(mixup.draw(B, generator=step_generator(0, rank=rank, step=step)).layer)
        optimiser.zero_grad()
        losses(model, mixup, teacher, rank, step).backward()
        optimiser.step()
        teacher.update(model)
    torch.save(
        {"model": bare.state_dict(), "teacher": teacher.state_dict(), "layers": layers}, f"{folder}/{rank}.pt"
    )
    dist.destroy_process_group()


@pytest.mark.parametrize(
    "broadcast",
    [pytest.param(False, marks=pytest.mark.slow, id="own buffers"), pytest.param(True, id="DDP's default")],
)
def test_two_ranks_train_as_one_process_with_both_batches(tmp_path: Path, broadcast: bool):
    mp.spawn(train, args=(str(tmp_path), broadcast), nprocs=2)
    ranks = [torch.load(tmp_path / f"{rank}.pt") for rank in range(2)]
    assert ranks[0]["layers"] != ranks[1]["layers"]  # ranks draw for themselves

    # The same in one process: the two batches one after the other, gradients averaged, BatchNorm buffers per rank. They
    # reach the gradients through the teacher, which runs in eval mode with the student's running statistics. By default
    # DDP overwrites every rank's with those that rank 0 has at the start of the same forward pass.
    bare = network()
    mixup = ManifoldMixup(bare, ["0", "2"])
    copies = [EMATeacher(bare, decay=0.9) for _ in range(2)]
    buffers = [[b.clone() for b in bare.buffers()] for _ in range(2)]
    sent: list[list[torch.Tensor]] = []

    def receive(module: nn.Module, _inputs: object) -> None:
        if rank == 0:
            sent.append([b.clone() for b in module.buffers()])
        else:
            swap(module, sent.pop(0))

    if broadcast:
        bare.register_forward_pre_hook(receive)
    optimiser = torch.optim.SGD(bare.parameters(), lr=0.1)
    for step in range(STEPS):
        optimiser.zero_grad()
        for rank in range(2):
            swap(bare, buffers[rank])
            (losses(bare, mixup, copies[rank], rank, step) / 2).backward()
            buffers[rank] = [b.clone() for b in bare.buffers()]
        optimiser.step()
        for rank in range(2):
            swap(bare, buffers[rank])
            copies[rank].update(bare)
    close = {"atol": 1e-5, "rtol": 1e-4}
    for name, value in bare.named_parameters():
        for rank in range(2):
            torch.testing.assert_close(ranks[rank]["model"][name], value.detach(), **close)
    for name, value in copies[0].model.named_parameters():
        assert torch.equal(ranks[0]["teacher"][f"model.{name}"], ranks[1]["teacher"][f"model.{name}"])
        torch.testing.assert_close(ranks[0]["teacher"][f"model.{name}"], value, **close)
    # Statistics are each rank's own, but for DDP's broadcast: MixMatch's last forward pass ends the step and does not
    # update them, so what rank 0 sent before it remains.
    for rank in range(2):
        torch.testing.assert_close(ranks[rank]["teacher"][MEAN], copies[rank].state_dict()[MEAN], **close)
    assert torch.allclose(ranks[0]["teacher"][MEAN], ranks[1]["teacher"][MEAN], atol=1e-3) is broadcast


def swap(model: nn.Module, values: list[torch.Tensor]) -> None:
    for buffer, value in zip(model.buffers(), values, strict=True):
        buffer.data.copy_(value)  # unseen by autograd: BatchNorm's backward in train mode does not read it
