"""One plan, every engine: what `MixPlan.apply` makes of NumPy arrays is what all others make, and so are the labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dali_mixup import HandOver, Mixer, MixPolicy, MixUp, Output, Runtime, train_loader
from dali_mixup.methods import REGISTRY, FMix, Form, Method
from tests.conformance.engines import ENGINES, Engine, plan_of, reference

METHODS = {name: kind() for name, kind in REGISTRY.items()}
METHODS |= {
    "k images": MixUp(0.7, k=5),
    "soft": FMix(max_soft=0.2),
    "majority": MixUp(1.0, label_map="majority"),
    "extrapolated": MixUp(0.5, extrapolate=0.5),
    "extrapolated, labels too": MixUp(0.5, extrapolate=0.5, extrapolate_labels=True),
}
SIZES = [
    (1, 9, 13),
    (5, 31, 22),
    (8, 70, 66),
]  # rows, height, width: bits that fill their bytes, and that do not


def images_of(rows: int, height: int, width: int, method: Method) -> np.ndarray:
    """Noise, or, to be resized, waves: resampling filters differ where neighbours have nothing in common."""
    if method.form != Form.RESIZE:
        return np.random.RandomState(1).randint(0, 256, (rows, height, width, 3)).astype(np.uint8)
    n, y, x, c = np.ogrid[:rows, :height, :width, :3]
    return (128 + 100 * np.sin(y / 12 + n + c) * np.cos(x / 15 + 2 * n)).astype(np.uint8)


def granularities(method: Method) -> tuple[Any, ...]:
    return ("batch", "pair", "sample") if method.columns == 2 else ("batch", "sample")


@pytest.mark.parametrize("name", sorted(METHODS))
@pytest.mark.parametrize("engine", ENGINES.values(), ids=ENGINES)
def test_mixes_as_the_reference_does(engine: Engine, name: str) -> None:
    method = METHODS[name]
    for size in SIZES:
        images = images_of(*size, method)
        labels = np.arange(len(images)) % 3
        for granularity in granularities(method):
            policy = MixPolicy(method, granularity=granularity, label_smoothing=0.1)
            compared(engine, policy, images, labels)


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
@pytest.mark.parametrize("engine", ENGINES.values(), ids=ENGINES)
def test_all_forms_in_one_batch(engine: Engine, dtype: str) -> None:
    if dtype not in engine.dtypes:
        pytest.skip(f"takes {engine.dtypes}")
    policy = MixPolicy([m for m in METHODS.values() if m.form != Form.RESIZE], granularity="sample", prob=0.9)
    images = images_of(40, 33, 26, MixUp()).astype(dtype)
    forms = np.concatenate([plan_of(policy, images, step).form for step in range(2)])
    assert set(forms.tolist()) == set(Form) - {Form.RESIZE}
    compared(engine, policy, images, np.arange(40) % 7)


def compared(engine: Engine, policy: MixPolicy, images: np.ndarray, labels: np.ndarray) -> None:
    theirs = engine.run(policy, images, labels, 7, 2)
    for (mixed, targets), (expected, soft) in zip(
        theirs, reference(policy, images, labels, 7, 2), strict=True
    ):
        np.testing.assert_allclose(targets, soft, atol=2e-7)
        if any(method.form == Form.RESIZE for method in policy.all_methods):
            apart = np.abs(mixed.astype(float) - expected)
            assert apart.max(initial=0) <= engine.resized
        elif any(method.averages for method in policy.all_methods):
            np.testing.assert_allclose(mixed, expected, atol=255e-6)
        else:
            np.testing.assert_array_equal(mixed, expected)


@pytest.mark.parametrize("cpu_kernels", ["numba", "dali"])
@pytest.mark.parametrize("granularity", ["batch", "pair", "sample"])
def test_a_loader_mixes_as_the_reference_does(
    imagenet_root: Path, granularity: Any, cpu_kernels: Any
) -> None:
    """From files to targets, the last, smaller batch included; the images before mixing are handed over."""
    methods = [
        m for m in METHODS.values() if m.form != Form.RESIZE and (granularity == "sample" or m.columns == 2)
    ]
    loader = train_loader(
        imagenet_root / "train",
        policy=MixPolicy(methods, granularity=granularity, label_smoothing=0.1),
        batch_size=7,
        image_size=(31, 22),
        device="cpu",
        drop_last=False,
        output=Output(0.0, 1.0),
        handover=HandOver(clean=True),
        runtime=Runtime(cpu_kernels=cpu_kernels),
    )
    rows = []
    with loader:
        for _ in range(2):
            for images, targets, record in loader:
                plan = loader.last_batch.plan
                rows.append(len(images))
                np.testing.assert_allclose(images, plan.apply(record.clean), atol=255e-6)
                np.testing.assert_array_equal(targets, plan.targets(record.labels, loader.num_classes))
    assert rows == [7, 7, 7, 3] * 2


def test_a_mixer_is_a_front_of_the_same_plans() -> None:
    policy = MixPolicy(list(METHODS.values()), granularity="sample")
    images = images_of(40, 33, 26, MixUp())
    mixer = Mixer(policy, num_classes=7, seed=3, axes=(1, 2))
    for mixed, targets in reference(policy, images, np.arange(40) % 7, 7, 2):
        mine = mixer(images, np.arange(40) % 7)
        np.testing.assert_array_equal(mine[0], mixed)
        np.testing.assert_array_equal(mine[1], targets)
