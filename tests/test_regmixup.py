"""RegMixup's loss against the authors' code, and its recipes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from dali_mixup import HandOver, MixedTargets, MixPolicy, MixUp, Runtime, load_recipe
from dali_mixup.losses import RegMixupLoss
from dali_mixup.recipes import RecipeError

N, C = 6, 5
SMALL: Any = {"device": "cpu", "runtime": Runtime(num_threads=1)}


def authors(logits: Tensor, y: Tensor, index: Tensor, lam: float) -> Tensor:
    """FrancescoPinto/RegMixup, models/regmixup.py: training_step."""
    targets_a, targets_b = torch.cat([y, y]), torch.cat([y, y[index]])
    return lam * F.cross_entropy(logits, targets_a) + (1 - lam) * F.cross_entropy(logits, targets_b)


@pytest.mark.parametrize("form", ["dense", "compact"])
@pytest.mark.parametrize("lam", [0.0, 0.3, 1.0])
def test_the_loss_and_its_gradient_are_the_authors(form: str, lam: float) -> None:
    g = torch.Generator().manual_seed(0)
    logits = torch.randn(2 * N, C, generator=g, dtype=torch.float64, requires_grad=True)
    y, index = torch.randint(C, (N,), generator=g), torch.randperm(N, generator=g)
    compact = MixedTargets(
        torch.stack([y, y[index]], 1), torch.tensor([[lam, 1 - lam]]).double().expand(N, 2)
    )
    targets = compact if form == "compact" else compact.dense(C).double()
    ours, theirs = RegMixupLoss()(logits, y, targets), authors(logits, y, index, lam)
    torch.testing.assert_close(ours, theirs, atol=1e-7, rtol=0)
    torch.testing.assert_close(
        *(torch.autograd.grad(loss, logits)[0] for loss in (ours, theirs)), atol=1e-7, rtol=0
    )


def test_eta_weighs_the_mixed_images() -> None:
    logits = torch.randn(2 * N, C)
    y = torch.arange(N) % C
    mixed = torch.full((N, C), 1 / C)
    clean, soft = F.cross_entropy(logits[:N], y), F.cross_entropy(logits[N:], mixed)
    torch.testing.assert_close(RegMixupLoss(3.0)(logits, y, mixed), (clean + 3 * soft) / 4)
    torch.testing.assert_close(RegMixupLoss(0)(logits, y, mixed), clean)


def test_half_precision_is_computed_in_float32() -> None:
    logits = 30 * torch.randn(2 * N, C)
    loss = RegMixupLoss()(logits.half(), torch.arange(N) % C, torch.eye(C)[torch.arange(N) % C])
    assert loss.dtype == torch.float32 and torch.isfinite(loss)


@pytest.mark.parametrize("shape", [(0, C), (5, C), (4,), (2, 3, C)])
def test_logits_that_are_no_two_halves_are_refused(shape: Any) -> None:
    with pytest.raises(ValueError, match=r"expected \(2 N, C\)"):
        RegMixupLoss()(torch.zeros(shape), torch.zeros(2, dtype=torch.int64), torch.zeros(2, C))


def test_labels_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match=r"labels of shape \(3,\)"):
        RegMixupLoss()(torch.zeros(4, C), torch.zeros(3, dtype=torch.int64), torch.zeros(2, C))


@pytest.mark.parametrize("bad", [-1, float("nan"), True, "1", None])
def test_other_etas_are_refused(bad: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="RegMixupLoss: eta="):
        RegMixupLoss(bad)


@pytest.mark.parametrize(("name", "alpha"), [("regmixup-cifar10", 20.0), ("regmixup-cifar100", 10.0)])
def test_a_recipe_hands_over_clean_images_and_its_loss_takes_them(
    name: str, alpha: float, imagenet_root: Path
) -> None:
    recipe = load_recipe(name)
    assert recipe.policy == MixPolicy(MixUp(alpha))
    with recipe.train_loader(imagenet_root / "train", batch_size=8, **SMALL) as loader:
        images, targets, record = next(iter(loader))
    assert record.clean.shape == images.shape and not torch.equal(record.clean, images)
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 32 * 32, 4))
    loss = recipe.loss()(model(torch.cat([record.clean, images])), record.labels, targets)
    by_hand = F.cross_entropy(model(record.clean), record.labels) + F.cross_entropy(model(images), targets)
    torch.testing.assert_close(loss, by_hand / 2)


def test_what_is_handed_over_can_be_overridden(imagenet_root: Path) -> None:
    recipe = load_recipe("regmixup-cifar10")
    with recipe.train_loader(imagenet_root / "train", batch_size=8, handover=HandOver(), **SMALL) as loader:
        assert next(iter(loader))[2].clean is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("policy: null", "regmixup, but policy: null mixes nothing"),
        ("loss: {eta: -1}", "loss.eta"),
        ("loss: {name: cross-entropy, eta: 2}", "eta belongs to name: regmixup"),
        ("loss: {target_threshold: 0.2}", "belong to name: binary-cross-entropy"),
    ],
)
def test_recipes_that_do_not_fit_together_are_refused(change: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(f"extends: regmixup-cifar10\n{change}\n")
    with pytest.raises(RecipeError, match=message):
        load_recipe(file)
