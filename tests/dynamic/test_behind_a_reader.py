"""Behind DALI's reader and decoder, one operator after the other and captured (`capture=True`: DALI traces the first
batch and runs a pipeline for the others), and as nodes of torchdata."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from nvidia.dali.experimental import dynamic as ndd

from dali_mixup import CutMix, MixPolicy, MixUp, Schedule
from dali_mixup.dynamic import mix
from dali_mixup.methods import ResizeMix

BATCH, SIDE, CLASSES = 8, 32, 4
POLICY = MixPolicy(
    [MixUp(0.8), CutMix(1.0), ResizeMix()], granularity="sample", prob=0.8, label_smoothing=0.1
)

Pair = tuple[torch.Tensor, torch.Tensor]


def crop(encoded: Any, rng: Any) -> Any:
    return ndd.resize(ndd.decoders.image_random_crop(encoded, rng=rng), size=[SIDE, SIDE])


def read(
    root: Path, epochs: int, capture: bool = False, layout: str = "HWC"
) -> Iterator[tuple[Any, Any, int, int]]:
    """(images, labels, epoch, step) of every batch."""
    reader = ndd.readers.File(file_root=str(root / "train"), random_shuffle=True, seed=4)
    rng = ndd.random.RNG(seed=5)
    for epoch in range(epochs):
        for step, (encoded, labels) in enumerate(reader.next_epoch(batch_size=BATCH, capture=capture)):
            images = crop(encoded, rng)
            if layout == "CHW":
                images = ndd.transpose(images, perm=[2, 0, 1])
            yield images, labels, epoch, step


def batches(root: Path, policy: MixPolicy, epochs: int = 2, **options: Any) -> list[Pair]:
    made = []
    for images, labels, epoch, step in read(root, epochs, **options):
        plan = policy.plan(images.batch_size, SIDE, SIDE, seed=1, epoch=epoch, step=step, steps_per_epoch=3)
        pixels, targets = mix(images, labels, plan, num_classes=CLASSES)
        made.append((pixels.torch(), targets.torch()))
    return made


def test_what_was_read_is_mixed_as_planned(imagenet_root: Path) -> None:
    made = batches(imagenet_root, POLICY)
    blended = MixPolicy([MixUp(1.0)])
    for i, (images, labels, epoch, step) in enumerate(read(imagenet_root, 2)):
        plan = POLICY.plan(BATCH, SIDE, SIDE, seed=1, epoch=epoch, step=step)
        np.testing.assert_array_equal(made[i][1], plan.targets(labels.torch()[:, 0], CLASSES))
        plan = blended.plan(BATCH, SIDE, SIDE, seed=1, epoch=epoch, step=step)
        pixels, _ = mix(images, labels, plan, num_classes=CLASSES)
        np.testing.assert_allclose(pixels.torch(), plan.apply(images.torch().numpy()), rtol=0, atol=255e-6)


@pytest.mark.parametrize("layout", ["HWC", "CHW"])
@pytest.mark.parametrize(
    "schedule",
    [None, Schedule(start=1, unit="step"), Schedule(stop=2, unit="step")],
    ids=["always", "later", "before"],
)
def test_captured_batches_are_the_same(imagenet_root: Path, layout: str, schedule: Schedule | None) -> None:
    """The first batch, which is traced, may be mixed in another way than the later ones, or not at all."""
    policy = MixPolicy(POLICY.methods, granularity="sample", prob=0.8, schedule=schedule)
    plain = batches(imagenet_root, policy, layout=layout)
    captured = batches(imagenet_root, policy, layout=layout, capture=True)
    assert len(plain) == len(captured) == 6
    for mine, theirs in zip(captured, plain, strict=True):
        assert all(map(torch.equal, mine, theirs))
