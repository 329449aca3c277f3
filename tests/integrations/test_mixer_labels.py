"""What `Mixer` takes for labels, and what it refuses before a batch comes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from dali_mixup import CutMix, LabelDistance, Mixer, MixPolicy, MixUp, Remix

IMAGES = torch.rand(4, 3, 5, 6)


def compact(labels: Any, num_classes: int | None = 4) -> Any:
    return Mixer(MixUp(0.5), num_classes=num_classes, targets="compact")(IMAGES, labels)[1]


@pytest.mark.parametrize("dtype", [torch.int64, torch.int32, torch.uint8, torch.uint16])
@pytest.mark.parametrize("num_classes", [4, None])
def test_compact_targets_hold_the_ids_of_the_plan(dtype: torch.dtype, num_classes: int | None) -> None:
    mixer = Mixer(MixUp(0.5), num_classes=num_classes, targets="compact")
    targets = mixer(IMAGES, torch.tensor([3, 0, 2, 1]).to(dtype))[1]
    assert mixer.last_plan is not None and targets.labels.dtype == torch.int64
    assert targets.labels.tolist() == np.array([3, 0, 2, 1])[mixer.last_plan.partners].tolist()


@pytest.mark.parametrize(
    ("labels", "num_classes", "error", "message"),
    [
        (torch.tensor([0, 7, 1, 2]), 4, ValueError, "class id 7, expected ids from 0 to 3"),
        (torch.tensor([0, 3, -1, 2]), 4, ValueError, "class id -1, .*without a label"),
        (torch.tensor([0, 7, -1, 2]), None, ValueError, "class id -1, expected ids >= 0"),
        (torch.arange(9) % 4, 4, ValueError, "9 labels for 4 images"),
        (torch.arange(3), 4, ValueError, "3 labels for 4 images"),
        (
            torch.tensor([True, False, True, True]),
            4,
            TypeError,
            "labels of type torch.bool with num_classes=4",
        ),
        (torch.zeros(4), None, TypeError, "labels of type torch.float32 for compact targets"),
        (torch.eye(4).long(), 4, ValueError, r"expected a tensor \(N,\) or \(N, 1\) of integers"),
        (np.arange(4), 4, ValueError, r"expected a tensor \(N,\) or \(N, 1\) of integers"),
    ],
)
def test_compact_targets_of_other_labels_are_refused(
    labels: Any, num_classes: int | None, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=f"^Mixer: .*{message}"):
        compact(labels, num_classes)


def test_what_is_written_into_targets_is_not_written_into_the_plan() -> None:
    mixer = Mixer(MixUp(0.5), targets="compact")
    targets = mixer(IMAGES, torch.arange(4))[1]
    assert mixer.last_plan is not None
    weights = mixer.last_plan.weights.copy()
    targets.weights.zero_()
    np.testing.assert_array_equal(mixer.last_plan.weights, weights)


@pytest.mark.parametrize("axes", [(-1, -1), (2, 2), (0, 1), (1, 0), (0,)])
def test_axes_that_no_images_have_are_refused(axes: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"^Mixer: axes=.*different ones and not 0, that of the rows"):
        Mixer(CutMix(), num_classes=4, axes=axes)


BY_VALUE = LabelDistance(1.0, within="batch")


@pytest.mark.parametrize(
    ("policy", "given", "message"),
    [
        (
            MixPolicy(MixUp(), partners=BY_VALUE),
            {"num_classes": 4},
            "measures distances .* leave num_classes out",
        ),
        (MixPolicy(MixUp(), partners=BY_VALUE), {"targets": "compact"}, "measures distances"),
        (MixPolicy(MixUp(), partners="same_class"), {}, "need class ids; give num_classes"),
        (MixPolicy(MixUp(), num_classes=3, remix=Remix([1, 2])), {}, "2 counts"),
    ],
)
def test_labels_that_a_policy_cannot_use_are_refused(
    policy: MixPolicy, given: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=f"^Mixer: .*{message}"):
        Mixer(policy, **given)


def test_partners_by_class_need_no_number_of_classes_for_compact_targets() -> None:
    mixer = Mixer(MixPolicy(MixUp(), partners="same_class"), targets="compact")
    ids = torch.tensor([0, 5, 0, 5])
    assert (mixer(IMAGES, ids)[1].labels == ids[:, None]).all()


@pytest.mark.parametrize("policy", [MixPolicy(MixUp(0.5)), MixPolicy(MixUp(0.5), partners="same_class")])
def test_class_ids_in_a_column_as_dali_has_them(policy: MixPolicy) -> None:
    ids = torch.tensor([3, 0, 3, 1])
    for of in ("dense", "compact"):
        row, column = (
            Mixer(policy, num_classes=4, targets=of)(IMAGES, each)[1] for each in (ids, ids[:, None])
        )
        dense = [each if of == "dense" else each.dense(4) for each in (row, column)]
        assert torch.equal(*dense) and dense[0].shape == (4, 4)
    arrays = [Mixer(policy, num_classes=4)(IMAGES.numpy(), each.numpy())[1] for each in (ids, ids[:, None])]
    np.testing.assert_array_equal(*arrays)


def test_a_label_of_minus_one_is_no_partner_of_a_pool() -> None:
    for of in ("dense", "compact"):
        with pytest.raises(ValueError, match=r"class id -1, .*without a label"):
            Mixer(MixUp(0.5), num_classes=4, targets=of)(IMAGES, torch.tensor([0, -1, 1, 2]))
