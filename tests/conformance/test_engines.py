"""One plan, every engine: what `MixPlan.apply` makes of NumPy arrays is what all others make, and so are the labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dali_mixup import HandOver, Mixer, MixPlan, MixPolicy, MixUp, Output, Runtime, train_loader
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
RESIZING = {name for name, method in METHODS.items() if method.form == Form.RESIZE}
SIZES = [
    (1, 9, 13),
    (5, 31, 22),
    (8, 70, 66),
]  # rows, height, width: bits that fill their bytes, and that do not


def noise(rows: int, height: int, width: int) -> np.ndarray:
    return np.random.RandomState(1).randint(0, 256, (rows, height, width, 3)).astype(np.uint8)


def waves(rows: int, height: int, width: int) -> np.ndarray:
    n, y, x, c = np.ogrid[:rows, :height, :width, :3]
    return (128 + 100 * np.sin(y / 12 + n + c) * np.cos(x / 15 + 2 * n)).astype(np.uint8)


def granularities(method: Method) -> tuple[Any, ...]:
    return ("batch", "pair", "sample") if method.columns == 2 else ("batch", "sample")


@pytest.mark.parametrize("name", sorted(set(METHODS) - RESIZING))
@pytest.mark.parametrize("engine", ENGINES.values(), ids=ENGINES)
def test_mixes_as_the_reference_does(engine: Engine, name: str) -> None:
    method = METHODS[name]
    for size in SIZES:
        images = noise(*size)
        labels = np.arange(len(images)) % 3
        for granularity in granularities(method):
            policy = MixPolicy(method, granularity=granularity, label_smoothing=0.1)
            compared(engine, policy, images, labels)


@pytest.mark.parametrize("name", sorted(RESIZING))
@pytest.mark.parametrize("engine", ENGINES.values(), ids=ENGINES)
def test_resizes_as_the_reference_does(engine: Engine, name: str) -> None:
    """To the bounds that docs/engines.md states. Filters differ most where neighbours have nothing in common."""
    for size in SIZES:
        for granularity in granularities(METHODS[name]):
            policy = MixPolicy(METHODS[name], granularity=granularity, label_smoothing=0.1)
            for images, edges in ((waves(*size), engine.edges), (noise(*size), engine.edges_of_noise)):
                labels = np.arange(len(images)) % 3
                theirs = engine.run(policy, images, labels, 7, 2)
                known = reference(policy, images, labels, 7, 2)
                for step, ((mixed, targets), (expected, soft)) in enumerate(zip(theirs, known, strict=True)):
                    np.testing.assert_allclose(targets, soft, atol=2e-7)
                    bound = np.where(at_edges(plan_of(policy, images, step)), edges, engine.resized)
                    assert (np.abs(mixed.astype(float) - expected).max(-1) <= bound).all()


def at_edges(plan: MixPlan) -> np.ndarray:
    """(N, H, W) the two outermost pixels on each side of a resized image."""
    assert plan.size is not None and plan.insets is not None
    edges = np.zeros((len(plan), *plan.size), bool)
    for row, insets in zip(edges, plan.insets.tolist(), strict=True):
        for _, y, x, height, width in insets:
            row[y : y + height, x : x + width] = True
            row[y + 2 : y + height - 2, x + 2 : x + width - 2] = False
    return edges


@pytest.mark.parametrize("dtype", ["uint8", "float32"])
@pytest.mark.parametrize("engine", ENGINES.values(), ids=ENGINES)
def test_all_forms_in_one_batch(engine: Engine, dtype: str) -> None:
    if dtype not in engine.dtypes:
        pytest.skip(f"takes {engine.dtypes}")
    policy = MixPolicy([m for m in METHODS.values() if m.form != Form.RESIZE], granularity="sample", prob=0.9)
    images = noise(40, 33, 26).astype(dtype)
    forms = np.concatenate([plan_of(policy, images, step).form for step in range(2)])
    assert set(forms.tolist()) == set(Form) - {Form.RESIZE}
    compared(engine, policy, images, np.arange(40) % 7)


def compared(engine: Engine, policy: MixPolicy, images: np.ndarray, labels: np.ndarray) -> None:
    theirs = engine.run(policy, images, labels, 7, 2)
    for (mixed, targets), (expected, soft) in zip(
        theirs, reference(policy, images, labels, 7, 2), strict=True
    ):
        np.testing.assert_allclose(targets, soft, atol=2e-7)
        if any(method.averages for method in policy.all_methods):
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
    images = noise(40, 33, 26)
    mixer = Mixer(policy, num_classes=7, seed=3, axes=(1, 2))
    for mixed, targets in reference(policy, images, np.arange(40) % 7, 7, 2):
        mine = mixer(images, np.arange(40) % 7)
        np.testing.assert_array_equal(mine[0], mixed)
        np.testing.assert_array_equal(mine[1], targets)
