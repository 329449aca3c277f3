"""What `Mixer` refuses, and the steps of the batches after one that failed."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.utils.data import DataLoader, default_collate

from dali_mixup import CutMix, LabelDistance, Mixer, MixPolicy, MixUp, Neighbours, Remix, Schedule
from tests.integrations.noise import CLASSES, Noise
from tests.integrations.test_dataloader import BATCH, POLICY, same


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"policy": None}, TypeError, "policy=None"),
        (
            {"policy": MixPolicy(MixUp(), partners=Neighbours(np.zeros((3, 1), int)))},
            ValueError,
            "only the loaders do",
        ),
        ({"policy": MixPolicy(MixUp(), partners="balanced")}, ValueError, "only the loaders do"),
        (
            {"policy": MixPolicy(MixUp(), partners=LabelDistance(1.0))},
            ValueError,
            r"or LabelDistance\(bandwidth, within='batch'\)",
        ),
        ({"num_classes": 0}, ValueError, "num_classes=0"),
        ({"policy": MixPolicy(MixUp(), num_classes=4), "num_classes": 3}, ValueError, "give one"),
        ({"policy": POLICY}, ValueError, "label_smoothing=0.1 without num_classes"),
        ({"policy": MixPolicy(MixUp(), remix=Remix([1, 2])), "num_classes": 3}, ValueError, "2 counts"),
        ({"targets": "sparse"}, ValueError, "targets='sparse'"),
        ({"seed": -1}, ValueError, "seed=-1"),
        ({"rank": 1}, ValueError, "rank=1"),
        ({"steps_per_epoch": 0}, ValueError, "steps_per_epoch=0"),
        (
            {"policy": MixPolicy(MixUp(), schedule=Schedule(start=5, stop=7.5))},
            ValueError,
            "boundary 7.5 .* give steps_per_epoch",
        ),
        ({"axes": 2}, TypeError, "axes=2"),
        ({"axes": (1, 2, 3)}, ValueError, r"axes=\(1, 2, 3\)"),
        ({"axes": (1.0, 2)}, TypeError, "axes="),
    ],
)
def test_wrong_arguments_are_refused(given: dict[str, Any], error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        Mixer(**{"policy": MixUp(), **given})


def test_wrong_batches_are_refused() -> None:
    mixer = Mixer(CutMix(), num_classes=4)
    with pytest.raises(ValueError, match=r"axes=\(-2, -1\) of images of shape \(4,\)"):
        mixer(torch.zeros(4), torch.arange(4))
    with pytest.raises(ValueError, match="0 being the rows"):
        mixer(torch.zeros(4, 5), torch.arange(4))
    with pytest.raises(ValueError, match=r"labels have shape \(3,\)"):
        mixer(torch.zeros(4, 3, 6, 7), torch.arange(3))
    with pytest.raises(ValueError, match="class ids, which have no average"):
        Mixer(MixUp())(torch.zeros(4, 3), torch.arange(4))
    with pytest.raises(ValueError, match="need class ids"):
        Mixer(MixPolicy(MixUp(), partners="same_class"), num_classes=4)(torch.zeros(4, 3), torch.zeros(4))
    assert mixer.step == 0, "a batch that failed in the loop was none"
    with pytest.raises(ValueError, match="pad or crop"):
        mixer.collate_fn([(torch.zeros(3, 4, 4), 0), (torch.zeros(3, 4, 5), 1)])
    with pytest.raises(TypeError, match="pairs"):
        mixer.collate_fn([{"image": torch.zeros(3, 4, 4)}])
    assert mixer.step == 2, "a DataLoader counts its batches, whatever becomes of them"


class OneBadLabel(Noise):
    """In the first batch, whose worker makes the third and fifth too."""

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        image, label = super().__getitem__(index)
        return image, 99 if index == 1 else label


def mixed_by_hand(mixer: Mixer, samples: list[Any]) -> tuple[Any, Any]:
    images, labels = default_collate(samples)
    return mixer(images, labels)


@pytest.mark.parametrize("collate", ["collate_fn", "a function that calls the mixer"])
def test_in_workers_the_batches_after_one_that_fails_have_their_own_steps(collate: str) -> None:
    """They had the step of the batch before theirs."""
    mixer = Mixer(POLICY, num_classes=CLASSES, seed=3)
    function = mixer.collate_fn if collate == "collate_fn" else partial(mixed_by_hand, mixer)
    batches = iter(DataLoader(OneBadLabel(), BATCH, num_workers=2, collate_fn=function))
    with pytest.raises(ValueError, match="class id 99"):
        next(batches)
    for number, got in enumerate(batches, start=1):
        same(got, number, 0)
    assert number == 5


@pytest.mark.parametrize("images", [None, 3, "abcd", [torch.rand(3, 5, 6)] * 4, len])
def test_images_that_are_no_batch(images: Any) -> None:
    with pytest.raises(TypeError, match=r"^Mixer: images is a "):
        Mixer(MixUp(0.5), num_classes=4)(images, torch.arange(4))


@pytest.mark.parametrize("samples", [[], None, 3, iter([])])
def test_samples_that_are_none(samples: Any) -> None:
    with pytest.raises(TypeError, match="at least one pair"):
        Mixer(MixUp(0.5), num_classes=4).collate_fn(samples)
