"""The laws of RandAugment, AutoAugment and TrivialAugment: what timm and torchvision draw, drawn by them.

Frequencies by a chi-square test, values by a two-sample Kolmogorov-Smirnov test, each at an error rate of 1e-4 with
fixed seeds (about 100 tests: a wrong alarm in 1 of 100 choices of the seeds).
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import stats
from timm.data import auto_augment as timm
from torchvision.transforms import AutoAugmentPolicy, autoaugment

from dali_mixup.augment.levels_torchvision import Scale, values
from dali_mixup.augment.operations import OPERATIONS, Actions, Kernel
from dali_mixup.augment.parse import auto_augmentation
from dali_mixup.augment.policies import TORCHVISION
from dali_mixup.augment.torchvision_augment import AUTO, RAND
from dali_mixup.augment.trivial_augment import SCALES

ALPHA = 1e-4
HEIGHT, WIDTH = 200, 320
ROWS = 20_000

Drawn = dict[Any, list[float]]


def ours(text: str) -> tuple[Drawn, Counter[tuple[str, ...]]]:
    """Values by (layer, kernel), from what the policy draws for ROWS images, and how often each sequence of kernels."""
    stage, _ = auto_augmentation(text)
    layers = stage.draw(np.random.RandomState(0), ROWS, HEIGHT, WIDTH)
    sequences: Counter[tuple[str, ...]] = Counter()
    for row in zip(*(actions.kernel for actions in layers), strict=True):
        sequences[tuple(Kernel(k).name for k in row if k)] += 1
    values: Drawn = defaultdict(list)
    for actions in layers:
        for kernel in Kernel:
            mine = actions.kernel == kernel
            if mine.any() and kernel != Kernel.NONE:
                values[kernel.name] += summary(actions, mine).round(2).tolist()
    return values, sequences


def summary(actions: Actions, rows: np.ndarray) -> np.ndarray:
    """One number for an action's parameter, different for different parameters."""
    kernel = actions.kernel[rows][0]
    if kernel == Kernel.AFFINE:
        return actions.affine[rows].reshape(-1, 6) @ np.array([1e3, 500, 0.1, 700, 1e3, 0.13])
    if kernel == Kernel.COLOUR:
        return actions.colour[rows].reshape(-1, 12) @ np.arange(1.0, 13)
    return actions.amount[rows].astype(float)


def of_calls(calls: list[list[tuple[str, float]]]) -> tuple[Drawn, Counter[tuple[str, ...]]]:
    """The same from operations and values that another library applied to each image."""
    values: Drawn = defaultdict(list)
    sequences: Counter[tuple[str, ...]] = Counter()
    by_operation: dict[str, list[float]] = defaultdict(list)
    for call in calls:
        kernels = [OPERATIONS[name][0] for name, _ in call]
        sequences[tuple(kernel.name for kernel in kernels if kernel)] += 1
        for name, value in call:
            by_operation[name].append(value)
    for name, drawn in by_operation.items():
        actions, all_rows = Actions.none(len(drawn)), np.ones(len(drawn), bool)
        actions.put(all_rows, name, np.array(drawn), HEIGHT, WIDTH)
        if OPERATIONS[name][0]:
            values[OPERATIONS[name][0].name] += summary(actions, all_rows).round(2).tolist()
    return values, sequences


def assert_same_law(a: tuple[Drawn, Counter[Any]], b: tuple[Drawn, Counter[Any]]) -> None:
    keys = sorted(set(a[1]) | set(b[1]))
    table = np.array([[drawn[1][key] for key in keys] for drawn in (a, b)], float)
    rare = table.sum(axis=0) < 20
    table = np.concatenate([table[:, ~rare], table[:, rare].sum(axis=1, keepdims=True)], axis=1)
    table = table[:, table.sum(axis=0) > 0]
    assert stats.chi2_contingency(table).pvalue > ALPHA
    assert set(a[0]) == set(b[0])
    for kernel in a[0]:
        if kernel not in ("AUTOCONTRAST", "EQUALIZE"):
            assert stats.ks_2samp(a[0][kernel], b[0][kernel]).pvalue > ALPHA, kernel


CANONICAL = {
    **{timm.shear_x: "ShearX", timm.shear_y: "ShearY", timm.rotate: "Rotate", timm.invert: "Invert"},
    **{timm.translate_x_rel: "TranslateX", timm.translate_y_rel: "TranslateY"},
    **{timm.auto_contrast: "AutoContrast", timm.equalize: "Equalize", timm.posterize: "Posterize"},
    **{timm.solarize: "Solarize", timm.solarize_add: "SolarizeAdd", timm.contrast: "Contrast"},
    **{timm.color: "Color", timm.brightness: "Brightness", timm.sharpness: "Sharpness"},
    **{timm.desaturate: "Color", timm.gaussian_blur: "GaussianBlur", timm.gaussian_blur_rand: "GaussianBlur"},
}


def of_timm(text: str, images: int) -> list[list[tuple[str, float]]]:
    """What timm's own transform applies to each of `images` images; only the pixel functions are replaced."""
    random.seed(1)
    np.random.seed(1)
    make = timm.rand_augment_transform if text.startswith("rand") else timm.auto_augment_transform
    transform = make(text, {"translate_const": 100, "img_mean": (124, 116, 104)})
    log: list[tuple[str, float]] = []

    def record(function: Any) -> Any:
        def recorded(image: Any, value: float = 0.0, **_: Any) -> Any:
            name = CANONICAL[function]
            if function in (timm.translate_x_rel, timm.translate_y_rel):
                value *= WIDTH if function is timm.translate_x_rel else HEIGHT
            if function is timm.desaturate:
                value = min(1.0, max(0.0, 1 - value))
            if function is timm.gaussian_blur_rand:
                value = random.uniform(0.1, 2 * value)
            log.append((name, value))
            return image

        return recorded

    operations = transform.ops if text.startswith("rand") else [op for sub in transform.policy for op in sub]
    for operation in operations:
        operation.aug_fn = record(operation.aug_fn)
    calls = []
    for _ in range(images):
        log.clear()
        transform(None)
        calls.append(list(log))
    return calls


@pytest.mark.parametrize(
    "text",
    [
        "rand-m9-mstd0.5-inc1",
        "rand-m7-mstd0.5",
        "rand-m6-mstd0.5-inc1-n3-p0.8",
        "rand-m15-mstd1-mmax20-inc1",
        "rand-m9-mstd101-inc1",
        "rand-m9-mstd0.5-tweights",
        "rand-m5-n1-t3a",
        "rand-m5-mstd2-n3-t3aw",
        "rand",
        "original-mstd0.5",
        "originalr",
        "v0",
        "v0r-mstd0.5",
        "3a",
    ],
)
def test_timm_draws_the_same(text: str) -> None:
    assert_same_law(ours(text), of_calls(of_timm(text, ROWS)))


OF_TORCHVISION = {
    "ra": autoaugment.RandAugment(),
    "ta_wide": autoaugment.TrivialAugmentWide(),
    **{name: autoaugment.AutoAugment(AutoAugmentPolicy(name)) for name in TORCHVISION},
}


@pytest.mark.parametrize(("text", "transform"), OF_TORCHVISION.items(), ids=list(OF_TORCHVISION))
def test_torchvision_draws_the_same(text: str, transform: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    log: list[tuple[str, float]] = []

    def record(image: Any, name: str, magnitude: float, **_: Any) -> Any:
        if name in ("Brightness", "Color", "Contrast", "Sharpness"):
            magnitude += 1
        if name in ("TranslateX", "TranslateY", "Posterize"):
            magnitude = int(magnitude)
        log.append((name, magnitude))
        return image

    monkeypatch.setattr(autoaugment, "_apply_op", record)
    torch.manual_seed(2)
    image = Image.new("RGB", (WIDTH, HEIGHT))
    calls = []
    for _ in range(ROWS // 4):
        log.clear()
        transform(image)
        calls.append(list(log))
    assert_same_law(ours(text), of_calls(calls))


@pytest.mark.parametrize("policy", list(AutoAugmentPolicy), ids=lambda policy: policy.value)
def test_a_policy_is_torchvisions_line_by_line(policy: AutoAugmentPolicy) -> None:
    theirs = autoaugment.AutoAugment(policy).policies
    with_strength = [[(name, prob, level or 0) for name, prob, level in sub] for sub in theirs]
    ours = TORCHVISION[policy.value]
    without = [[(n, p, m if AUTO[n].bins is not None else 0) for n, p, m in sub] for sub in ours]
    assert without == with_strength


@pytest.mark.parametrize(
    ("scales", "space"),
    [
        (AUTO, lambda size: autoaugment.AutoAugment()._augmentation_space(10, size)),
        (RAND, lambda size: autoaugment.RandAugment()._augmentation_space(31, size)),
        (SCALES, lambda size: autoaugment.TrivialAugmentWide()._augmentation_space(31)),
    ],
    ids=["AutoAugment", "RandAugment", "TrivialAugmentWide"],
)
@pytest.mark.parametrize("size", [(HEIGHT, WIDTH), (1, 32), (331, 1000)])
def test_every_strength_is_torchvisions(scales: dict[str, Scale], space: Any, size: tuple[int, int]) -> None:
    theirs = space(size)
    assert set(scales) - {"Identity"} == set(theirs) - {"Identity"}
    for name, (strengths, signed) in theirs.items():
        expected = np.atleast_1d(strengths.double().numpy())
        around = 1 if name in ("Brightness", "Color", "Contrast", "Sharpness") else 0
        for negative in (False, True):
            bins = np.arange(len(expected))
            assert scales[name].whole == name.startswith("Translate")
            # Not truncated: bin 15 of TrivialAugmentWide is 15.999999 in torch's float32, and 16 here.
            made = values(replace(scales[name], whole=False), bins, np.full(len(bins), negative), *size)
            sign = -1 if negative and signed else 1
            np.testing.assert_allclose(made, around + sign * expected, atol=2e-5, err_msg=name)


def test_half_of_timms_operations_are_left_out() -> None:
    """timm applies each operation with probability 0.5 unless the string says otherwise."""
    layers = auto_augmentation("rand-m9")[0].draw(np.random.RandomState(3), ROWS, HEIGHT, WIDTH)
    applied = sum(int((actions.kernel != Kernel.NONE).sum()) for actions in layers)
    assert stats.binomtest(applied, 2 * ROWS, 0.5).pvalue > ALPHA


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("rand-m9-w0", "'w0'"),
        ("rand-m9-mstd0.5-inc", "'inc'"),
        ("rand-m9.5", "'m9.5'"),
        ("rand-m9-m8", "m is given twice"),
        ("rand-m9-n0", "count=0, expected an integer >= 1"),
        ("rand-m9-p1.5", "prob=1.5"),
        ("rand-m9-tall", "'tall'"),
        ("rand-n16-tweights", "count=16"),
        ("rand-", "''"),
        ("original-m9", "'m9'"),
        ("v0-mstd0.5-mstd1", "'mstd0.5'"),
        ("autoaugment", "'autoaugment' is not known"),
        ("ta_wid", "did you mean 'ta_wide'"),
        ("randm9", "'randm9' is not known"),
        ("ra-m9", "the part 'm9' is not understood; 'ra' has no parts"),
        ("svhn-mstd0.5", "'mstd0.5'"),
        ("cifar100", "did you mean 'cifar10'"),
        ("RA", "'RA' is not known"),
        ("", "'' is not known"),
    ],
)
def test_a_string_that_is_not_understood_is_refused_with_its_bad_part(text: str, part: str) -> None:
    with pytest.raises(ValueError) as error:
        auto_augmentation(text)
    assert part in str(error.value)


def test_no_string_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="expected a string"):
        auto_augmentation(9)  # type: ignore[arg-type]
