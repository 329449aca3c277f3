"""Layers by name: names that mean something else too, modules with two names, and layers that do not run once."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from dali_mixup.latent import LinearityProbe, ManifoldMixup


def gen(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


class Named(nn.Module):
    """Layers called as the classes call what is no layer."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.input = nn.Linear(4, 8)
        self.softmax = nn.Linear(8, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.softmax(torch.tanh(self.input(x)))


class Shared(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(4, 4)
        self.second = self.first
        self.unused = nn.Linear(4, 4)
        self.twice = nn.Tanh()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.twice(self.twice(self.first(x)))


def pairs() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    partners = torch.stack([torch.arange(6), torch.arange(6).flip(0)], 1)
    return torch.randn(6, 4, generator=gen()), partners, torch.full((6, 2), 0.5)


def test_a_layer_called_input_is_told_from_the_models_input():
    """It was never mixed: every draw of it mixed the model's input."""
    net, (x, _, _) = Named(), pairs()
    with pytest.raises(
        ValueError, match=r"ManifoldMixup: layers contains 'input'.* '0.input', or include_input"
    ):
        ManifoldMixup(net, ["input"])
    labels = torch.arange(6) % 3
    results = []
    for name, owner in (("input", net), ("0.input", nn.Sequential(net))):
        mixup = ManifoldMixup(owner, [name], include_input=False)
        assert mixup.layers == (name,)
        draw = mixup.draw(6, generator=gen(1))
        results.append(mixup(net, x, labels, generator=gen(1))[0])
        mixup.remove()
    h = net.input(x)
    expected = net.softmax(torch.tanh(draw.lam * h + (1 - draw.lam) * h[draw.partners]))
    for logits in results:
        torch.testing.assert_close(logits, expected)
    assert ManifoldMixup(nn.Sequential(net), ["0.input"]).layers == ("input", "0.input")


def test_a_layer_called_softmax_is_told_from_the_softmax_of_the_output():
    net = Named()
    with pytest.raises(ValueError, match=r"LinearityProbe: layers contains 'softmax'.* '0.softmax'"):
        LinearityProbe(net, ["softmax"])
    probe = LinearityProbe(nn.Sequential(net), ["0.input", "0.softmax"])
    probe.update(*pairs())
    gaps = probe.gaps()
    assert list(gaps) == ["0.input", "0.softmax", "softmax"] and len({*gaps.values()}) == 3


@pytest.mark.parametrize("name", ["first", "second"])
def test_a_module_with_two_names_answers_to_both(name):
    net = Shared()
    assert ManifoldMixup(net, [name], include_input=False).layers == (name,)
    assert LinearityProbe(net, [name]).layers == (name, "softmax")
    assert ManifoldMixup(net, lambda m: [m.second], include_input=False).layers == ("first",)


def test_a_module_twice_is_refused_under_any_names():
    for layers in (["first", "second"], ["first", "first"], lambda m: [m.first, m.second]):
        with pytest.raises(ValueError, match="contains a layer twice"):
            ManifoldMixup(Shared(), layers)


@pytest.mark.parametrize(("name", "times"), [("unused", 0), ("twice", 2)])
def test_layers_that_do_not_run_once_are_not_measured(name, times):
    probe = LinearityProbe(Shared(), ["first", name])
    with pytest.raises(RuntimeError, match=f"LinearityProbe: layer '{name}' ran {times} times .* once"):
        probe.update(*pairs())
    with pytest.raises(RuntimeError, match="no batch was measured"):
        probe.gaps()


class Turned(nn.Module):
    """A layer whose output has the batch second, as sequences often do."""

    def __init__(self, pair: bool) -> None:
        super().__init__()
        self.inner = nn.Linear(4, 3)
        self.turn = nn.Identity()
        self.pair = pair

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = self.inner(x)
        self.turn((h, h) if self.pair else h.expand(9, *h.shape))
        return h


@pytest.mark.parametrize(("pair", "shown"), [(True, "tuple"), (False, r"\(9, 6, 3\)")])
def test_outputs_without_the_batch_first_are_not_measured(pair, shown):
    probe = LinearityProbe(Turned(pair), ["turn"])
    with pytest.raises(TypeError, match=f"'turn' returned {shown}, expected one tensor with 6 rows first"):
        probe.update(*pairs())


def test_a_layer_of_one_number_a_row_is_measured():
    class Sum(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.square().sum(1)

    net = nn.Sequential(Sum(), nn.Unflatten(0, (-1, 1)))
    probe = LinearityProbe(net, ["0"])
    probe.update(*pairs())
    assert probe.gaps()["0"] > 0
