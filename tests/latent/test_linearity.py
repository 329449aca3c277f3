"""LinearityProbe against its definition in loops."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from dali_mixup.latent import LinearityProbe, dirichlet


def gen(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def net() -> nn.Sequential:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 6), nn.ReLU(inplace=True), nn.BatchNorm1d(6), nn.Linear(6, 3)).double()
    model[2].running_mean.normal_(generator=gen(3))
    return model.train()


def batch(n: int, k: int, seed: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    g = gen(seed)
    x = torch.randn(n, 4, generator=g, dtype=torch.float64)
    partners = torch.stack([torch.arange(n), *[torch.randperm(n, generator=g) for _ in range(k - 1)]], 1)
    return x, partners, dirichlet(1.0, (n, k), generator=g, dtype=torch.float64)


@pytest.mark.parametrize("k", [1, 2, 3, 5])
def test_gaps_agree_with_the_definition(k):
    model = net()
    layers = {"0": model[:1], "1": model[:2], "softmax": nn.Sequential(model, nn.Softmax(1))}
    probe = LinearityProbe(model, ["0", "1"])
    probe.update(*batch(6, k, 1))
    probe.update(*batch(9, k, 2))
    gaps = probe.gaps()
    assert list(gaps) == ["0", "1", "softmax"] and model.training
    model.eval()
    for name, part in layers.items():
        error = spread = 0.0
        for n, seed in ((6, 1), (9, 2)):
            x, partners, weights = batch(n, k, seed)
            h = part(x).detach()
            for i in range(n):
                mixed = part(sum(weights[i, j] * x[partners[i, j]] for j in range(k)).unsqueeze(0))[
                    0
                ].detach()
                chord = sum(weights[i, j] * h[partners[i, j]] for j in range(k))
                error += float((mixed - chord).square().sum())
            pairs = [float((h[i] - h[j]).square().sum()) for i in range(n) for j in range(n) if i != j]
            spread += n * sum(pairs) / len(pairs)
        assert abs(gaps[name] - (error / spread) ** 0.5) < 1e-10


def test_a_linear_layer_has_no_gap_and_a_relu_has_one():
    probe = LinearityProbe(net(), ["0", "1"])
    probe.update(*batch(32, 2, 1))
    gaps = probe.gaps()
    assert gaps["0"] < 1e-12 < 0.01 < gaps["1"]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("bias", [0.0, 0.1])
def test_a_layer_that_does_not_vary_has_no_gap(bias, dtype):
    """Also where the mean of equal numbers is rounded to another number."""
    model = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 3))
    nn.init.zeros_(model[0].weight)
    nn.init.constant_(model[0].bias, bias)
    probe = LinearityProbe(model.to(dtype), ["0", "1"])
    x, partners, weights = batch(33, 2, 1)
    probe.update(x.to(dtype), partners, weights.float())
    assert (probe.gaps()["0"], probe.gaps()["1"]) == (0.0, 0.0)


def test_a_constant_layer_that_answers_otherwise_at_a_mixture_has_an_infinite_gap():
    class Away(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return (x > 1).to(x.dtype)

    probe = LinearityProbe(nn.Sequential(Away(), nn.Linear(4, 3).double()), ["0"])
    x, partners, weights = batch(4, 2, 1)
    probe.update(x.clamp(max=1), partners, weights, mixed=x.clamp(max=1) + 9)
    assert probe.gaps()["0"] == float("inf")


def test_mixtures_made_elsewhere_are_used():
    model = net()
    x, partners, weights = batch(8, 2, 1)
    probe, other = LinearityProbe(model, ["1"]), LinearityProbe(model, ["1"])
    mixed = weights[:, :1] * x + weights[:, 1:] * x[partners[:, 1]]
    probe.update(x, partners, weights)
    other.update(x, partners, weights, mixed=mixed)
    assert probe.gaps() == pytest.approx(other.gaps(), abs=1e-12)
    other.update(x, partners, weights, mixed=mixed + 1)
    assert other.gaps()["1"] > probe.gaps()["1"]


def test_the_probe_leaves_no_trace():
    model = net()
    model[2].eval()
    state = {name: value.clone() for name, value in model.state_dict().items()}
    LinearityProbe(model, lambda m: [m[1]]).update(*batch(8, 2, 1))
    assert [m.training for m in model] == [True, True, False, True]
    assert all(torch.equal(state[name], value) for name, value in model.state_dict().items())
    assert not any(m._forward_hooks for m in model.modules())


def test_bad_use_is_refused():
    model = net()
    x, partners, weights = batch(8, 2, 1)
    with pytest.raises(RuntimeError, match="no batch"):
        LinearityProbe(model, ["0"]).gaps()
    with pytest.raises(ValueError, match=r"expected both \(N, k\)"):
        LinearityProbe(model, ["0"]).update(x, partners, weights[:, :1])
    with pytest.raises(ValueError, match="at least 2"):
        LinearityProbe(model, ["0"]).update(x[:1], partners[:1] * 0, weights[:1])
    with pytest.raises(TypeError, match=r"LinearityProbe: images of type torch.int64"):
        LinearityProbe(model, ["0"]).update(x.long(), partners, weights)
    with pytest.raises(ValueError, match="contains '9'"):
        LinearityProbe(model, ["9"])


def test_mixtures_that_are_none_of_the_images_are_refused():
    probe = LinearityProbe(net(), ["0"])
    x, partners, weights = batch(8, 2, 1)
    for bad, shown in ((partners + 1, "1 to 8"), (partners - 1, "-1 to 6")):
        with pytest.raises(ValueError, match=f"partners from {shown}, expected rows of the images, 0 to 7"):
            probe.update(x, bad, weights)
    for bad_weights in (weights * 2, weights * float("nan")):
        with pytest.raises(ValueError, match="weights whose rows do not sum to 1"):
            probe.update(x, partners, bad_weights)
    for types in ((partners.int(), weights), (partners, partners)):
        with pytest.raises(TypeError, match=r"expected torch.int64 and a floating type"):
            probe.update(x, *types)
    with pytest.raises(ValueError, match="at least one mixture"):
        probe.update(x, partners[:0], weights[:0])
    # One mixture alone was compared with every row.
    with pytest.raises(ValueError, match=r"mixed \(1, 4\), expected \(8, 4\): one mixture for each row"):
        probe.update(x, partners, weights, mixed=x[:1])
    with pytest.raises(RuntimeError, match="no batch"):
        probe.gaps()
    probe.update(x, partners[:3], weights[:3].bfloat16())


def test_a_model_without_logits_is_refused():
    for last, shown in ((nn.Unflatten(1, (1, 3)), r"\(8, 1, 3\)"), (nn.Flatten(0), r"\(24,\)")):
        with pytest.raises(ValueError, match=rf"the model returned {shown}, expected logits \(8, C\)"):
            LinearityProbe(nn.Sequential(net(), last), ["0.0"]).update(*batch(8, 2, 1))


@pytest.mark.gpu
def test_the_gpu_gives_the_cpus_gaps():
    model = net()
    here, there = LinearityProbe(model, ["0", "1"]), None
    x, partners, weights = batch(8, 3, 1)
    here.update(x, partners, weights)
    there = LinearityProbe(model.cuda(), ["0", "1"])
    there.update(x.cuda(), partners, weights)
    assert there.gaps() == pytest.approx(here.gaps(), abs=1e-9)
