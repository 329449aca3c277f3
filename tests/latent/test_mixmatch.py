"""MixMatchStep against the algorithm written out in loops."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from dali_mixup.latent import MixMatchStep, interleave, sharpen
from dali_mixup.latent.draws import beta, permutation
from dali_mixup.targets import MixedTargets

B, D, C = 5, 4, 3


def gen(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def case(norm: bool = False) -> tuple[nn.Sequential, torch.Tensor, torch.Tensor, list[torch.Tensor]]:
    torch.manual_seed(0)
    middle = nn.BatchNorm1d(8) if norm else nn.Tanh()
    model = nn.Sequential(nn.Linear(D, 8), middle, nn.Linear(8, C)).double()
    views = [torch.randn(B, D, dtype=torch.float64) for _ in range(2)]
    return model, torch.randn(B, D, dtype=torch.float64), torch.randint(C, (B,)), views


@pytest.mark.parametrize("interleaved", [True, False])
@pytest.mark.parametrize("count", [1, 2])
def test_a_step_agrees_with_loops(interleaved, count):
    model, x, labels, views = case()
    views = views[:count]
    step = MixMatchStep(C, temperature=0.5, alpha=0.75, interleave=interleaved)
    g = gen(4)
    rows = (1 + count) * B
    lam, partners = beta(0.75, (rows,), fold=True, generator=g), permutation(rows, generator=g)
    loss = step(model, x, labels, views, generator=gen(4))

    guesses = []
    for i in range(B):
        mean = sum(torch.softmax(model(view[i]), 0) for view in views) / count
        powered = [float(p) ** 2 for p in mean]
        guesses.append([p / sum(powered) for p in powered])
    pool = [x[i] for i in range(B)] + [view[i] for view in views for i in range(B)]
    targets = [[float(labels[i] == c) for c in range(C)] for i in range(B)] + guesses * count
    supervised = unsupervised = 0.0
    for r in range(rows):
        own, j = float(lam[r]), int(partners[r])
        logits = model(own * pool[r] + (1 - own) * pool[j])
        target = [own * a + (1 - own) * b for a, b in zip(targets[r], targets[j], strict=True)]
        if r < B:
            supervised -= sum(t * float(v) for t, v in zip(target, torch.log_softmax(logits, 0), strict=True))
        else:
            unsupervised += sum(
                (t - float(v)) ** 2 for t, v in zip(target, torch.softmax(logits, 0), strict=True)
            )
    assert abs(loss.supervised.item() - supervised / B) < 1e-10
    assert abs(loss.unsupervised.item() - unsupervised / (count * B * C)) < 1e-10


@given(size=st.integers(1, 20), views=st.integers(1, 4))
def test_interleaving_is_its_own_inverse_and_spreads_the_labelled_rows(size, views):
    batches = [torch.arange(size) + 100 * b for b in range(views + 1)]
    mixed = interleave(batches)
    assert [len(b) for b in mixed] == [size] * (views + 1)
    assert all(torch.equal(a, b) for a, b in zip(interleave(mixed), batches, strict=True))
    labelled = [int((b < 100).sum()) for b in mixed]
    assert sum(labelled) == size and max(labelled) - min(labelled) <= 1
    assert sorted(torch.cat(mixed).tolist()) == sorted(torch.cat(batches).tolist())


def test_interleaving_is_the_published_layout():
    a, b, c = interleave([torch.arange(4), torch.arange(10, 14), torch.arange(20, 24)])
    assert (a.tolist(), b.tolist(), c.tolist()) == ([0, 11, 22, 23], [10, 1, 12, 13], [20, 21, 2, 3])


def test_sharpening_is_the_power_normalised():
    p = torch.tensor([[0.7, 0.2, 0.1], [1.0, 0.0, 0.0]], dtype=torch.float64)
    torch.testing.assert_close(sharpen(p, 0.5), p**2 / (p**2).sum(1, keepdim=True), atol=1e-12, rtol=0)
    assert torch.equal(sharpen(p, 1.0).argmax(1), p.argmax(1))
    torch.testing.assert_close(sharpen(torch.full((1, 4), 1e-30), 0.01), torch.full((1, 4), 0.25))


@given(exponent=st.floats(-29.9, 2), dtype=st.sampled_from([torch.float16, torch.float32, torch.float64]))
def test_sharpening_gives_probabilities_at_every_temperature(exponent, dtype):
    p = torch.tensor([[0.7, 0.2, 0.1], [0.0, 1.0, 0.0], [0.3, 0.3, 0.4]], dtype=dtype)
    sharp = sharpen(p, 10.0**exponent)
    assert sharp.dtype == dtype
    assert sharp.argmax(1).tolist() == p.argmax(1).tolist()
    torch.testing.assert_close(sharp.double().sum(1), torch.ones(3).double(), atol=2e-3, rtol=0)


@pytest.mark.parametrize("temperature", [0, -0.5, float("nan"), float("inf")])
def test_temperatures_without_a_power_are_refused(temperature):
    with pytest.raises(ValueError, match=r"sharpen: temperature=.*expected a number > 0"):
        sharpen(torch.full((1, 2), 0.5), temperature)
    with pytest.raises(TypeError, match=r"sharpen: p of type torch.int64"):
        sharpen(torch.ones(1, 2).long(), 0.5)


def test_only_batches_of_one_shape_are_interleaved():
    for batches in ([], [torch.arange(4), torch.arange(6)]):
        with pytest.raises(
            ValueError, match=r"interleave: batches of shapes .* at least one, all of one shape"
        ):
            interleave(batches)


def test_only_the_first_batch_of_the_pool_updates_the_running_statistics():
    model, x, labels, views = case(norm=True)
    norm = model[1]
    seen = []
    model[0].register_forward_hook(
        lambda m, i, o: seen.append((o.mean(0).detach(), norm.track_running_stats))
    )
    MixMatchStep(C)(model, x, labels, views, generator=gen())
    assert [tracked for _, tracked in seen] == [False, False, True, False, False]
    assert int(norm.num_batches_tracked) == 1 and norm.track_running_stats
    torch.testing.assert_close(norm.running_mean, 0.1 * seen[2][0])


def test_the_guess_is_made_with_batch_statistics_and_without_gradient():
    model, _, _, views = case(norm=True)
    step = MixMatchStep(C)
    guess = step.guess(model, views)
    assert not guess.requires_grad
    expected = sharpen(torch.stack([torch.softmax(model(v), 1) for v in views]).mean(0), 0.5)
    torch.testing.assert_close(guess, expected)


def test_gradients_are_those_of_the_values():
    _, x, labels, views = case()
    fixed = torch.randn(C, D, generator=gen(2), dtype=torch.float64)

    class Guessing(nn.Module):
        """Guesses with fixed weights, so that the loss depends on the argument only where the gradient flows."""

        def __init__(self, weight: torch.Tensor) -> None:
            super().__init__()
            self.tested = weight

        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            return inputs @ (self.tested if torch.is_grad_enabled() else fixed).t()

    def loss(weight: torch.Tensor) -> torch.Tensor:
        both = MixMatchStep(C)(Guessing(weight), x, labels, views, generator=gen(3))
        return both.supervised + 75 * both.unsupervised

    assert torch.autograd.gradcheck(loss, (torch.randn(C, D, dtype=torch.float64, requires_grad=True),))


def test_every_form_of_targets_gives_the_same_loss():
    model, x, labels, views = case()
    compact = MixedTargets(labels.unsqueeze(1), torch.ones(B, 1))
    values = [
        MixMatchStep(C)(model, x, t, views, generator=gen()) for t in (labels, compact, compact.dense(C))
    ]
    for other in values[1:]:
        torch.testing.assert_close(other.supervised, values[0].supervised)
        torch.testing.assert_close(other.unsupervised, values[0].unsupervised)


def test_autocast_keeps_the_losses_in_float32():
    model, x, labels, views = case()
    model, x, views = model.float(), x.float(), [v.float() for v in views]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = MixMatchStep(C)(model, x, labels, views, generator=gen())
    assert loss.supervised.dtype == loss.unsupervised.dtype == torch.float32
    exact = MixMatchStep(C)(model, x, labels, views, generator=gen())
    torch.testing.assert_close(loss.supervised, exact.supervised, atol=3e-2, rtol=3e-2)


def test_bad_calls_are_refused():
    model, x, labels, views = case()
    with pytest.raises(ValueError, match="at least one"):
        MixMatchStep(C)(model, x, labels, [])
    with pytest.raises(ValueError, match="all of one shape"):
        MixMatchStep(C)(model, x, labels, [views[0], views[1][:3]])
    with pytest.raises(TypeError, match="interleave='no' is a str, expected True or False"):
        MixMatchStep(C, interleave="no")
    with pytest.raises(TypeError, match=r"MixMatchStep: images of type torch.uint8"):
        MixMatchStep(C)(model, x.to(torch.uint8), labels, views)
    with pytest.raises(TypeError, match=r"MixMatchStep: a view of type torch.int32"):
        MixMatchStep(C)(model, x, labels, [views[0], views[1].int()])
    with pytest.raises(ValueError, match="3 labelled and 5 unlabelled"):
        MixMatchStep(C)(model, x[:3], labels[:3], views)
    MixMatchStep(C, interleave=False)(model, x[:3], labels[:3], views)
    with pytest.raises(
        ValueError, match=r"images \(5, 3\) and views \(5, 4\), expected samples of one shape"
    ):
        MixMatchStep(C)(model, x[:, :3], labels, views)
    with pytest.raises(
        ValueError, match=r"the model returned \(5, 3\) for a view.* expected logits \(5, 4\)"
    ):
        MixMatchStep(C + 1)(model, x, labels, views)
    for stacked in (torch.stack(views), views[0]):
        with pytest.raises(
            TypeError, match=r"views are one tensor .* give \[view\], of stacked ones views.unbind"
        ):
            MixMatchStep(C)(model, x, labels, stacked)
    for unordered, kind in (
        (iter(views), "list_iterator"),
        (dict(enumerate(views)), "dict"),
        (None, "NoneType"),
    ):
        with pytest.raises(TypeError, match=rf"views are a {kind}, expected a list of K tensors"):
            MixMatchStep(C)(model, x, labels, unordered)
    for options in ({"temperature": 0.0}, {"temperature": 1.1}, {"alpha": 0.0}):
        with pytest.raises(ValueError, match=next(iter(options))):
            MixMatchStep(C, **options)
