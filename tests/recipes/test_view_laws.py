"""The recipes of views against their authors' settings, value by value, and against torchvision's transforms put
together as the authors do it.

Read in: google-research/simclr data_util.py and README.md; google-deepmind/deepmind-research
byol/utils/augmentations.py and dataset.py; facebookresearch/moco-v3 main_moco.py and CONFIG.md; facebookresearch/dino
main_dino.py and utils.py; facebookresearch/dinov2 dinov2/data/augmentations.py, transforms.py and
configs/ssl_default_config.yaml; google-research/fixmatch fixmatch.py and libml/data.py; kekmodel/FixMatch-pytorch
dataset/cifar.py and randaugment.py; google-research/uda image/; google-research/augmix imagenet.py and cifar.py;
kibok90/imix main_pretext.py and builder.py; szq0214/Un-Mix unmix_c10.py.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from scipy import stats

from dali_mixup import HandOver, Runtime, View
from dali_mixup.augment.operations import Kernel
from dali_mixup.augment.parse import auto_augmentation
from dali_mixup.recipes import Recipe, load_recipe

ROWS, ALPHA = 4000, 1e-4
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
CIFAR = ((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.2010))
HALF = ((0.5,) * 3, (0.5,) * 3)
RAW = ((0.0,) * 3, (1.0,) * 3)


class Law(NamedTuple):
    """Of one view: size, scale, jitter (brightness, contrast, saturation, hue) and its probability, the probabilities
    of grey, blur and solarise, the range of the blur's deviation, interpolation."""

    size: int
    scale: tuple[float, float]
    jitter: tuple[float, float, float, float]
    jitter_prob: float
    grey: float
    blur: float
    solarise: float = 0.0
    sigma: tuple[float, float] = (0.1, 2.0)
    interpolation: str = "bilinear"
    antialias: bool = True


BYOL = (0.4, 0.4, 0.2, 0.1)
HALVED = (0.4, 0.4, 0.4, 0.1)
TF = {"interpolation": "bicubic", "antialias": False}
PIL = {"interpolation": "bicubic"}
LAWS: dict[str, tuple[Any, list[Law]]] = {
    "simclr": (RAW, [Law(224, (0.08, 1.0), (0.8, 0.8, 0.8, 0.2), 0.8, 0.2, 0.5, **TF)] * 2),
    "byol": (
        IMAGENET,
        [
            Law(224, (0.08, 1.0), BYOL, 0.8, 0.2, 1.0, **TF),
            Law(224, (0.08, 1.0), BYOL, 0.8, 0.2, 0.1, 0.2, **TF),
        ],
    ),
    "moco-v3": (
        IMAGENET,
        [Law(224, (0.08, 1.0), BYOL, 0.8, 0.2, 1.0), Law(224, (0.08, 1.0), BYOL, 0.8, 0.2, 0.1, 0.2)],
    ),
    "dino": (
        IMAGENET,
        [
            Law(224, (0.4, 1.0), BYOL, 0.8, 0.2, 1.0, **PIL),
            Law(224, (0.4, 1.0), BYOL, 0.8, 0.2, 0.1, 0.2, **PIL),
            *[Law(96, (0.05, 0.4), BYOL, 0.8, 0.2, 0.5, **PIL)] * 8,
        ],
    ),
    "dinov2": (  # GaussianBlur(p) passes 1 - p to RandomApply
        IMAGENET,
        [
            Law(224, (0.32, 1.0), BYOL, 0.8, 0.2, 1 - 1.0, **PIL),
            Law(224, (0.32, 1.0), BYOL, 0.8, 0.2, 1 - 0.1, 0.2, **PIL),
            *[Law(96, (0.05, 0.32), BYOL, 0.8, 0.2, 1 - 0.5, **PIL)] * 8,
        ],
    ),
    "imix-cifar10": (CIFAR, [Law(32, (0.2, 1.0), HALVED, 0.8, 0.2, 0.0)] * 2),
    "unmix-cifar10": (CIFAR, [Law(32, (0.08, 1.0), HALVED, 0.8, 0.2, 0.0)] * 3),
}


def every_view(recipe: Recipe) -> list[View]:
    assert recipe.views is not None
    return [view for view in recipe.views for _ in range(view.count)]


def assert_normalises(recipe: Recipe, mean: Any, std: Any) -> None:
    np.testing.assert_allclose(recipe.output.mean, 255 * np.array(mean), rtol=1e-5)
    np.testing.assert_allclose(recipe.output.std, 255 * np.array(std), rtol=1e-5)


@pytest.mark.parametrize("name", LAWS)
def test_every_view_has_the_published_settings(name: str) -> None:
    recipe, (normalisation, laws) = load_recipe(name), LAWS[name]
    assert_normalises(recipe, *normalisation)
    views = every_view(recipe)
    assert len(views) == len(laws)
    for view, law in zip(views, laws, strict=True):
        made = view.transformed(recipe.transform)
        assert (made.crop, made.image_size, made.ranges[0]) == ("resized", law.size, law.scale)
        assert (made.color_jitter, made.color_jitter_prob) == (law.jitter, law.jitter_prob)
        np.testing.assert_allclose(
            [made.grayscale, made.gaussian_blur, made.solarize], [law.grey, law.blur, law.solarise]
        )
        assert made.blur_sigma == law.sigma or not law.blur
        assert (made.interpolation, made.antialias) == (law.interpolation, law.antialias)
        assert (made.hflip, made.ranges[1], made.auto_augment) == (0.5, (3 / 4, 4 / 3), None)


@pytest.mark.parametrize("name", ["moco-v3", "dino", "dinov2"])
def test_operations_come_as_often_as_in_torchvision_s_transforms(name: str) -> None:
    """The share of images that are blurred and solarised, beside RandomApply as the authors call it."""
    from torchvision import transforms

    torch.manual_seed(0)
    marks = {"blur": 0.0, "solarise": 0.0}

    def applied(prob: float) -> int:
        chance = transforms.RandomApply([lambda _: 1], p=prob)
        return sum(chance(0) for _ in range(ROWS))

    recipe, laws = load_recipe(name), LAWS[name][1]
    for view, law in zip(every_view(recipe)[:3], laws[:3], strict=False):
        made = view.transformed(recipe.transform)
        counted = dict.fromkeys(marks, 0)
        for stage in made.stages:
            if not stage.layers:
                continue
            (actions, *_) = stage.draw(np.random.RandomState(1), ROWS, 32, 32)
            operation = getattr(stage, "operation", None)
            if operation == "GaussianBlur":
                counted["blur"] = int((actions.kernel == Kernel.BLUR).sum())
            if operation == "Solarize":
                counted["solarise"] = int((actions.kernel != Kernel.NONE).sum())
        for mark, prob in (("blur", law.blur), ("solarise", law.solarise)):
            theirs, mine = applied(prob), counted[mark]
            if prob in (0.0, 1.0):
                assert theirs == mine == prob * ROWS
            else:
                assert stats.fisher_exact([[theirs, ROWS - theirs], [mine, ROWS - mine]]).pvalue > ALPHA


def test_blur_comes_before_solarising_and_after_grey() -> None:
    """The order in byol augmentations.py, main_moco.py, main_dino.py and augmentations.py of DINOv2."""
    for name in ("byol", "moco-v3", "dino", "dinov2"):
        stages = every_view(load_recipe(name))[1].transformed(load_recipe(name).transform).stages
        used = [getattr(stage, "operation", type(stage).__name__) for stage in stages if stage.layers]
        assert used == ["ColourJitter", "Color", "GaussianBlur", "Solarize"]


def test_i_mix_mixes_the_first_view_row_by_row_and_keeps_the_larger_weight_for_it() -> None:
    """builder.py: lam = max(lam, 1 - lam), lam ~ Beta(1, 1) for every row; a random permutation."""
    mixed, plain = every_view(load_recipe("imix-cifar10"))
    assert plain.policy is None and mixed.mixing is not None
    plan = mixed.mixing.plan(ROWS, 32, 32, seed=3, epoch=0, step=0)
    alone = plan.partners[:, 1] == np.arange(ROWS)
    assert sorted(plan.partners[:, 1]) == list(range(ROWS))
    assert stats.kstest(plan.weights[~alone, 0], stats.uniform(0.5, 0.5).cdf).pvalue > ALPHA


def test_un_mix_mixes_or_cuts_the_third_view_with_the_reversed_batch() -> None:
    """unmix_c10.py: mixup or CutMix with probability 1/2 each, one lam ~ Beta(1, 1) a batch, torch.flip."""
    first, second, mixed = every_view(load_recipe("unmix-cifar10"))
    assert first.policy is None and second.policy is None and mixed.window == "shared"
    assert mixed.mixing is not None
    plans = [mixed.mixing.plan(8, 32, 32, seed=3, epoch=0, step=step) for step in range(1000)]
    assert all((plan.partners[:, 1] == np.arange(8)[::-1]).all() for plan in plans)
    of_mixup = [plan for plan in plans if plan.method[0] == 0]
    assert stats.binomtest(len(of_mixup), len(plans), 0.5).pvalue > ALPHA
    assert all(np.ptp(plan.weights[:, 0]) == 0 for plan in plans)
    assert stats.kstest([plan.weights[0, 0] for plan in of_mixup], stats.uniform().cdf).pvalue > ALPHA


@pytest.mark.parametrize(
    ("name", "normalisation", "severity", "window"),
    [
        ("augmix-resnet50", IMAGENET, 1, {"crop": "resized", "image_size": 224, "scale": (0.08, 1.0)}),
        ("augmix-cifar10", HALF, 3, {"crop": "padded", "image_size": 32, "padding": 4}),
    ],
)
def test_augmix_has_one_clean_and_two_augmented_images_of_one_crop(
    name: str, normalisation: Any, severity: int, window: dict[str, Any]
) -> None:
    """--mixture-width 3, --mixture-depth -1 (1 to 3), --aug-severity 1 and 3, coefficients 1."""
    recipe = load_recipe(name)
    assert_normalises(recipe, *normalisation)
    clean, *augmented = every_view(recipe)
    assert len(augmented) == 2 and {view.window for view in augmented} == {"shared"}
    for view in (clean, *augmented):
        made = view.transformed(recipe.transform)
        assert {key: getattr(made.resolved, key) for key in window} == window and made.hflip == 0.5
    assert clean.transformed(recipe.transform).auto_augment is None
    chains, _ = auto_augmentation(augmented[0].transformed(recipe.transform).auto_augment)
    assert (chains.width, chains.depth, chains.alpha) == (3, None, 1)
    assert (chains.severity, chains.all_ops) == (severity, False)
    assert recipe.loss_.alpha == 12


@pytest.mark.parametrize(
    ("name", "ratio", "normalisation"),
    [
        ("fixmatch-cifar10", 7, HALF),
        ("uda-cifar10", 7, ((0.49139968, 0.48215841, 0.44653091), (0.24703223, 0.24348513, 0.26158784))),
    ],
)
def test_weak_and_strong_views(name: str, ratio: int, normalisation: Any) -> None:
    """RandAugmentMC(n=2, m=10) draws its strength from 1 to 9 and applies half of the operations, as randaug_policies
    does; then CutoutAbs(16), cutout_numpy(size=16)."""
    recipe = load_recipe(name)
    assert_normalises(recipe, *normalisation)
    stream = recipe.unlabelled("photographs", batch_size=64)
    assert stream.batch_size == 64 * ratio and stream.views is not None
    weak, strong = (view.transformed(recipe.transform) for view in stream.views)
    for made in (weak, strong):
        assert (made.image_size, made.crop, made.hflip) == (32, "padded", 0.5)
        assert (made.padding, made.padding_mode) == (4, "reflect")
    assert weak == recipe.transform and weak.auto_augment is None and weak.cutout is None
    drawn, _ = auto_augmentation(strong.auto_augment)
    assert (drawn.count, drawn.magnitude, drawn.std, drawn.prob) == (2, 9, np.inf, 0.5)
    assert strong.cutout is not None and (strong.cutout.size, strong.cutout.prob) == (16, 1.0)


@pytest.mark.parametrize(
    "name", [*LAWS, "augmix-resnet50", "augmix-cifar10", "fixmatch-cifar10", "uda-cifar10"]
)
def test_the_loader_gives_the_images(name: str, imagenet_root: Path) -> None:
    """At a quarter of the published sizes."""
    recipe = load_recipe(name)
    given: dict[str, Any] = {"device": "cpu", "runtime": Runtime(num_threads=1)}
    sizes = [32]
    if recipe.views is not None:
        views = every_view(recipe)
        sizes = [view.transformed(recipe.transform).image_size // 4 for view in views]
        given["views"] = [replace(view, size=size, count=1) for view, size in zip(views, sizes, strict=True)]
    if recipe.unlabelled_ is not None:
        given["handover"] = HandOver(unlabelled=recipe.unlabelled(imagenet_root / "val", batch_size=2))
    with recipe.train_loader(imagenet_root / "train", batch_size=2, **given) as loader:
        images, _, *records = next(iter(loader))
    images = images if isinstance(images, tuple) else (images,)
    assert [tuple(view.shape) for view in images] == [(2, 3, size, size) for size in sizes]
    assert all(torch.isfinite(view).all() for view in images)
    for record in records:
        assert [len(view) for view in record.unlabelled] == [2 * recipe.unlabelled_.ratio] * 2
