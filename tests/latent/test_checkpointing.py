"""Layers that activation checkpointing runs again during the backward pass, when nothing is mixed any more."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.checkpoint import checkpoint

from dali_mixup.latent import ManifoldMixup
from dali_mixup.losses import soft_cross_entropy

WORDS = "'inner' runs again during the backward pass, .* activation checkpointing"


class Net(nn.Module):
    def __init__(self, reentrant: bool | None) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.stem = nn.Linear(4, 8)
        self.inner = nn.Linear(8, 8)
        self.after = nn.Linear(8, 8)
        self.head = nn.Linear(8, 3)
        self.reentrant = reentrant

    def region(self, h: torch.Tensor) -> torch.Tensor:
        return torch.tanh(self.after(self.inner(h)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = torch.relu(self.stem(x))
        if self.reentrant is None:
            return self.head(self.region(h))
        return self.head(checkpoint(self.region, h, use_reentrant=self.reentrant))


def batch() -> tuple[torch.Tensor, torch.Tensor]:
    return torch.randn(6, 4, generator=gen(1)), torch.arange(6) % 3


def gen(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def step(mixup: ManifoldMixup, model: nn.Module, seed: int = 0) -> None:
    soft_cross_entropy(*mixup(model, *batch(), generator=gen(seed))).backward()


def gradients(model: nn.Module) -> list[torch.Tensor]:
    return [p.grad for p in model.parameters()]


@pytest.mark.parametrize("reentrant", [True, False])
def test_recomputing_the_mixed_layer_is_an_error_not_a_wrong_gradient(reentrant):
    net = Net(reentrant)
    mixup = ManifoldMixup(net, ["inner"], include_input=False)
    with pytest.raises(RuntimeError, match=WORDS):
        step(mixup, net)


def test_a_frozen_layer_is_no_exception():
    """Nothing of a mixture without gradient is saved, so torch finds no difference to the first run."""
    net = Net(reentrant=False)
    net.stem.requires_grad_(False)
    net.inner.requires_grad_(False)
    with pytest.raises(RuntimeError, match=WORDS):
        step(ManifoldMixup(net, ["inner"], include_input=False), net)


@pytest.mark.parametrize("reentrant", [True, False])
def test_the_first_step_tells_whatever_layer_was_drawn(reentrant):
    net = Net(reentrant)
    mixup = ManifoldMixup(net, ["inner"])
    seed = next(s for s in range(20) if mixup.draw(6, generator=gen(s)).layer == "input")
    with pytest.raises(RuntimeError, match=WORDS):
        step(mixup, net, seed)


@pytest.mark.parametrize("reentrant", [True, False])
def test_layers_outside_of_the_region_have_their_gradients(reentrant):
    there, here = Net(reentrant), Net(None)
    for net in (there, here):
        step(ManifoldMixup(net, ["stem", "head"]), net)
    torch.testing.assert_close(gradients(there), gradients(here))


@pytest.mark.parametrize("reentrant", [True, False])
def test_a_model_that_is_not_mixed_may_be_checkpointed(reentrant):
    there, here = Net(reentrant), Net(None)
    mixup = ManifoldMixup(there, ["inner"], include_input=False)
    for net in (there, here):
        net(batch()[0]).square().sum().backward()
    with pytest.raises(RuntimeError, match=WORDS):
        step(mixup, there)
    mixup.remove()
    there.zero_grad()
    there(batch()[0]).square().sum().backward()
    torch.testing.assert_close(gradients(there), gradients(here))


def test_gradient_penalties_and_two_passes_at_once_are_no_recomputation():
    net = Net(None)
    mixup = ManifoldMixup(net, ["inner"], include_input=False)
    x, labels = batch()
    x.requires_grad_()
    loss = soft_cross_entropy(*mixup(net, x, labels, generator=gen(0)))
    (slope,) = torch.autograd.grad(loss, x, create_graph=True)
    clean = net(x)
    (slope.square().sum() + loss + clean.square().sum()).backward()
    assert all(torch.isfinite(g).all() for g in gradients(net))


@pytest.mark.parametrize("reentrant", [True, False])
@pytest.mark.parametrize("whole", [True, False], ids=["model", "layer"])
def test_compiled_layers_tell_too(reentrant, whole):
    torch.compiler.reset()
    net = Net(reentrant)
    mixup = ManifoldMixup(net, ["inner"], include_input=False)
    if not whole:
        net.inner.compile(backend="aot_eager")
    model = torch.compile(net, backend="aot_eager") if whole else net
    with pytest.raises(RuntimeError, match=WORDS):
        step(mixup, model)


def test_the_question_leaves_a_compiled_model_in_one_graph():
    torch.compiler.reset()
    net = Net(None)
    mixup = ManifoldMixup(net, ["inner"], include_input=False)
    compiled = torch.compile(net, backend="aot_eager", fullgraph=True)
    for _ in range(2):
        step(mixup, compiled)
        compiled(batch()[0]).sum().backward()
    torch.testing.assert_close(compiled(batch()[0]), net(batch()[0]))


@pytest.mark.parametrize("reentrant", [True, False])
def test_distributed_layers_tell_too(reentrant, tmp_path: Path):
    dist.init_process_group("gloo", init_method=f"file://{tmp_path}/store", rank=0, world_size=1)
    try:
        net = Net(reentrant)
        mixup = ManifoldMixup(net, ["inner"], include_input=False)
        with pytest.raises(RuntimeError, match=WORDS):
            step(mixup, DistributedDataParallel(net))
    finally:
        dist.destroy_process_group()
