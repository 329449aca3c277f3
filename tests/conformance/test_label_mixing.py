"""label_mixing="union" in every engine, against `MixPlan.targets`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from nvidia.dali import fn, pipeline_def
from nvidia.dali.experimental import dynamic as ndd

import dali_mixup.dynamic
from dali_mixup import LabelVectors, Mixer, MixPolicy, MixUp, train_loader
from dali_mixup.fn import mix
from dali_mixup.methods import RICAP, CutMix

ROWS, CLASSES, SIZE = 6, 4, 16
POLICY = MixPolicy(
    [MixUp(0.5), CutMix(), RICAP()], granularity="sample", partners="derangement", label_mixing="union"
)
IDS = np.arange(ROWS, dtype=np.int32) % CLASSES
VECTORS = (np.random.RandomState(0).random_sample((ROWS, CLASSES)) < 0.4).astype(np.float32)
NEGATIVE = -np.random.RandomState(1).uniform(1, 9, (ROWS, CLASSES)).astype(np.float32)
BOTH = pytest.mark.parametrize("labels", [IDS, VECTORS, NEGATIVE], ids=["ids", "vectors", "negative"])


def expected(labels: np.ndarray, step: int) -> np.ndarray:
    plan = POLICY.plan(ROWS, SIZE, SIZE, seed=3, epoch=0, step=step)
    return plan.targets(labels, CLASSES if labels.ndim == 1 else None)


@BOTH
def test_fn_mix(labels: np.ndarray) -> None:
    for step, targets in enumerate(by_fn_mix(POLICY, labels, 4)):
        np.testing.assert_array_equal(targets, expected(labels, step))
        assert targets.sum() > ROWS or labels.ndim == 2


@pytest.mark.parametrize("lam", [0.0, 1.0])
def test_an_image_without_a_share_has_no_say(lam: float) -> None:
    """Not even by what has no value: labels that are missing may be NaN."""
    policy = MixPolicy(MixUp(lam=lam), partners="roll", label_mixing="union")
    labels = NEGATIVE.copy()
    labels[::2, 0] = np.nan
    plan = policy.plan(ROWS, SIZE, SIZE, seed=3, epoch=0, step=0)
    np.testing.assert_array_equal(by_fn_mix(policy, labels, 1)[0], plan.targets(labels))


def by_fn_mix(policy: MixPolicy, labels: np.ndarray, steps: int) -> list[np.ndarray]:
    images = list(np.zeros((ROWS, SIZE, SIZE, 3), np.uint8))
    known = list(labels[:, None] if labels.ndim == 1 else labels)

    @pipeline_def(batch_size=ROWS, num_threads=1, device_id=None)
    def graph() -> Any:
        pixels = fn.external_source(source=lambda info: images, batch=True, batch_info=True)
        classes = fn.external_source(source=lambda info: known, batch=True, batch_info=True)
        given = CLASSES if labels.ndim == 1 else None
        return mix(pixels, classes, policy, image_size=SIZE, num_classes=given, seed=3)

    pipeline = graph()
    pipeline.build()
    return [np.array(pipeline.run()[1].as_tensor()) for _ in range(steps)]


@BOTH
def test_dynamic_mode(labels: np.ndarray) -> None:
    images = ndd.as_batch(np.zeros((ROWS, SIZE, SIZE, 3), np.uint8), layout="HWC")
    plan = POLICY.plan(ROWS, SIZE, SIZE, seed=3, epoch=0, step=1)
    classes = CLASSES if labels.ndim == 1 else None
    _, targets = dali_mixup.dynamic.mix(images, ndd.as_batch(labels), plan, num_classes=classes)
    np.testing.assert_array_equal(targets.torch().numpy(), expected(labels, 1))


@BOTH
def test_mixer(labels: np.ndarray) -> None:
    mixer = Mixer(POLICY, num_classes=CLASSES if labels.ndim == 1 else None, seed=3, rank=0, world_size=1)
    mixer.set_epoch(0, step=2)
    _, targets = mixer(torch.zeros(ROWS, 3, SIZE, SIZE), torch.from_numpy(labels))
    np.testing.assert_array_equal(targets, expected(labels, 2))


@pytest.mark.parametrize("vectors", [False, True], ids=["ids", "vectors"])
def test_loaders(image_folder: Path, vectors: bool) -> None:
    table = (np.random.RandomState(1).random_sample((24, CLASSES)) < 0.4).astype(np.float32)
    given = {"labels": LabelVectors(table)} if vectors else {}
    loader = train_loader(
        image_folder,
        policy=POLICY,
        batch_size=5,
        image_size=SIZE,
        device="cpu",
        seed=3,
        drop_last=False,
        **given,
    )
    with loader:
        for step, (_, targets) in enumerate(loader):
            rows = loader.last_batch.indices
            plan = POLICY.plan(len(rows), SIZE, SIZE, seed=3, epoch=0, step=step)
            known = (
                plan.targets(table[rows]) if vectors else plan.targets(loader.dataset.labels[rows], CLASSES)
            )
            assert targets.dtype == torch.float32
            np.testing.assert_array_equal(targets, known)


def test_vectors_with_negative_values_are_refused_by_the_loader(image_folder: Path) -> None:
    labels = LabelVectors(np.linspace(-1, 1, 24)[:, None])
    with pytest.raises(ValueError, match=r"values down to -1 with policy.label_mixing='union'"):
        train_loader(image_folder, policy=POLICY, batch_size=4, image_size=SIZE, labels=labels)


def test_compact_targets_are_refused_everywhere(image_folder: Path) -> None:
    match = "targets='compact' has weights that sum to 1"
    with pytest.raises(ValueError, match=f"train_loader: {match}"):
        train_loader(image_folder, policy=POLICY, batch_size=4, image_size=SIZE, targets="compact")
    with pytest.raises(ValueError, match=f"Mixer: {match}"):
        Mixer(POLICY, num_classes=CLASSES, targets="compact")
    plan = POLICY.plan(2, SIZE, SIZE, seed=0, epoch=0, step=0)
    images = ndd.as_batch(np.zeros((2, SIZE, SIZE, 3), np.uint8), layout="HWC")
    with pytest.raises(ValueError, match=f"mix: {match}"):
        dali_mixup.dynamic.mix(images, ndd.as_batch(IDS[:2]), plan, num_classes=CLASSES, targets="compact")

    @pipeline_def(batch_size=2, num_threads=1, device_id=None)
    def graph() -> Any:
        pixels, classes = fn.external_source(source=lambda: (), num_outputs=2)
        return mix(pixels, classes, POLICY, image_size=SIZE, num_classes=CLASSES, targets="compact")

    with pytest.raises(ValueError, match=f"mix: {match}"):
        graph()
