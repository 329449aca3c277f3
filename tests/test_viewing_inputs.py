"""What may be drawn: images and targets in their forms, means and deviations; and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from dali_mixup import MixedTargets
from dali_mixup.viewing import denormalise, shares_of, to_grid
from dali_mixup.viewing.contact_sheet import class_shares


@pytest.mark.parametrize(
    ("mean", "std"),
    [
        (127.0, (60.0, 50.0, 40.0)),
        ((1.0, 2.0, 3.0), (50.0, 60.0)),
        ((1.0, 2.0, 3.0), 50.0),
        (127.0, 0.0),
        (127.0, -60.0),
        (float("nan"), 60.0),
        ((1.0, 2.0, 3.0), (50.0, float("inf"), 60.0)),
    ],
)
def test_other_numbers_of_means_than_deviations_are_refused(mean: Any, std: Any) -> None:
    """One mean and three deviations made three channels of a grey image."""
    for channels in (1, 3):
        with pytest.raises(ValueError, match=r"^denormalise: (mean|std)="):
            denormalise(np.zeros((1, channels, 8, 8)), mean, std)


def test_mean_and_std_may_be_of_any_kind() -> None:
    images, mean, std = np.random.RandomState(0).randn(2, 3, 4, 5), (120.0, 110.0, 100.0), (58.0, 57.0, 56.0)
    expected = denormalise(images, mean, std)
    for kind in (list, np.array, torch.tensor):
        np.testing.assert_array_equal(denormalise(images, kind(mean), kind(std)), expected)
    np.testing.assert_array_equal(
        denormalise(images, np.float32(127.0), 60), denormalise(images, (127.0,) * 3, (60.0,) * 3)
    )


@pytest.mark.parametrize("width", [6, 8])
def test_several_views_are_drawn_one_at_a_time(width: int) -> None:
    views = (torch.zeros(2, 3, 8, 8), torch.zeros(2, 3, 8, width))
    for function in (denormalise, to_grid):
        with pytest.raises(
            ValueError, match=rf"^{function.__name__}: images is a tuple .* give one at a time"
        ):
            function(views)
    targets = (torch.eye(2), MixedTargets(torch.zeros(2, 1, dtype=torch.int64), torch.ones(2, 1)))
    for several in (targets, targets[::-1], targets[:1]):
        with pytest.raises(ValueError, match=r"to_grid: targets is a tuple of .* give those of one"):
            to_grid(views[0], several)
    assert to_grid(views[0], targets[0]).size == to_grid(list(views[0]), targets[1]).size


@pytest.mark.parametrize("dtype", ["int64", "int32", "uint8"])
def test_class_ids_in_a_column_are_class_ids(dtype: str) -> None:
    """As DALI's readers give them; the id was drawn as the weight of class 0."""
    ids = np.array([2, 0, 1], dtype)
    for labelled in (ids, ids[:, None], torch.from_numpy(ids)[:, None]):
        labels, weights = shares_of(labelled, 3)
        assert labels.tolist() == [[2], [0], [1]] and (weights == 1).all()


@pytest.mark.parametrize("dtype", ["uint8", "bool", "int64", "float16"])
def test_the_largest_weights_of_any_type_are_drawn(dtype: str) -> None:
    hot = np.zeros((2, 9), dtype)
    hot[0, 7] = hot[1, 3] = hot[1, 8] = 1
    shares = [class_shares(*row) for row in zip(*shares_of(hot, 2), strict=True)]
    assert [[label for label, _, _ in row] for row in shares] == [[7], [3, 8]]


@pytest.mark.parametrize(
    "targets", [torch.rand(2), torch.ones(2, dtype=torch.bool), torch.zeros(2, 8, 8, dtype=torch.int64)]
)
def test_targets_without_classes_are_refused(targets: torch.Tensor) -> None:
    with pytest.raises(ValueError, match=r"to_grid: targets of type .* have no classes to draw"):
        to_grid(torch.zeros(2, 3, 8, 8), targets)


@pytest.mark.parametrize("name", ["columns", "tile"])
@pytest.mark.parametrize(("given", "error"), [(0, ValueError), (-1, ValueError), (1.5, TypeError)])
def test_a_grid_of_nothing_is_refused(name: str, given: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=f"^to_grid: {name}={given}.*expected an integer >= 1"):
        to_grid(np.zeros((2, 3, 8, 8)), **{name: given})


@pytest.mark.parametrize("shape", [(3, 8, 8), (0, 3, 8, 8)])
@pytest.mark.parametrize("bits", [8, 16])
def test_one_image_or_none_is_no_batch(shape: tuple[int, ...], bits: Any) -> None:
    with pytest.raises(ValueError, match=r"to_grid: images of shape .* expected \(N, C, H, W\) with N >= 1"):
        to_grid(np.zeros(shape), mean=100.0, std=50.0, bits=bits)


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
def test_one_odd_number_changes_no_other_pixel(odd: float) -> None:
    """The brightest of 16 bits was NaN, and every pixel white."""
    images = np.full((2, 1, 64, 64), 20000.0, np.float32)
    images[1] = 40000
    clean = np.asarray(to_grid(images, mean=[0], std=[1], bits=16))
    images[0, 0, 0, 0] = odd
    drawn = np.asarray(to_grid(images, mean=[0], std=[1], bits=16))
    assert (drawn == clean).mean() > 0.9


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, bool])
def test_pixels_are_not_normalised_images(dtype: type) -> None:
    pixels = np.ones((1, 3, 8, 8), dtype)
    for draw in (denormalise, to_grid):
        with pytest.raises(ValueError, match=r"are pixels already, .* expected floats, or mean=0 and std=1"):
            draw(pixels)
    assert (denormalise(pixels, mean=[0, 0, 0], std=[1, 1, 1]) == 1).all()


def test_a_picture_without_end_is_refused() -> None:
    with pytest.raises(ValueError, match="picture of 16384028 x 8228, expected at most"):
        to_grid(np.zeros((2, 3, 4000, 1), np.float32), tile=4096)


def test_partners_without_a_class_are_drawn_whatever_their_number() -> None:
    targets = MixedTargets(torch.tensor([[-5, 0]]), torch.tensor([[0.5, 0.5]]))
    assert to_grid(np.zeros((1, 3, 8, 8), np.float32), targets, ["a", "b"]).width == 200
