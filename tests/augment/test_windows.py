"""Windows of images with masks: torchvision's laws, and torchvision's nearest neighbours, exactly."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from torchvision import tv_tensors
from torchvision.transforms import v2
from torchvision.transforms.v2 import functional as F

from dali_mixup import TrainTransform, ValTransform
from dali_mixup._seeding import Purpose, stream
from dali_mixup.augment import Chance
from dali_mixup.augment.maps import cut_out
from dali_mixup.augment.resized_crop import CHANCES, resized_crop
from dali_mixup.augment.windows import nearest, training_windows

ADDRESS = {"seed": 3, "rank": 0, "epoch": 1, "step": 2}


def masks_of(sizes: np.ndarray) -> list[np.ndarray]:
    rng = np.random.RandomState(0)
    return [rng.randint(0, 250, size).astype(np.uint8) for size in sizes.tolist()]


def theirs(mask: np.ndarray) -> tv_tensors.Mask:
    return tv_tensors.Mask(torch.from_numpy(mask))


@given(before=st.integers(1, 4000), after=st.integers(1, 1500))
def test_the_nearest_neighbour_is_that_of_torch(before: int, after: int) -> None:
    line = torch.arange(before, dtype=torch.float32)[None, None]
    expected = torch.nn.functional.interpolate(line, size=after, mode="nearest")[0, 0]
    assert nearest(before, after).tolist() == expected.long().tolist()


@given(st.data())
def test_a_resized_window_is_torchvisions_of_the_same_box(data: st.DataObject) -> None:
    sides = st.integers(1, 90)
    sizes = np.array([data.draw(st.tuples(sides, sides), "stored") for _ in range(2)])
    size = data.draw(st.tuples(sides, sides), "size")
    probs = st.sampled_from([0.0, 0.5, 1.0])
    transform = TrainTransform(size, hflip=data.draw(probs), vflip=data.draw(probs))
    windows = training_windows(transform, sizes, transform.size, **ADDRESS)
    masks = masks_of(sizes)
    for i, made in enumerate(cut_out(masks, windows, size, 255)):
        expected = F.resized_crop(theirs(masks[i]), *windows.start[i], *windows.shape[i], list(size))
        expected = F.horizontal_flip(expected) if windows.flipped[i] else expected
        expected = F.vertical_flip(expected) if windows.upside_down[i] else expected
        np.testing.assert_array_equal(made, expected)


@given(st.data())
def test_a_padded_window_is_torchvisions_of_the_same_place(data: st.DataObject) -> None:
    sizes = np.array([data.draw(st.tuples(st.integers(1, 90), st.integers(1, 90)), "stored")])
    mode = data.draw(st.sampled_from(["constant", "reflect"]))
    sides = st.integers(1 if mode == "constant" else 12, 40)
    size, padding = data.draw(st.tuples(sides, sides)), data.draw(st.integers(0, 9))
    transform = TrainTransform(size, crop="padded", padding=padding, padding_mode=mode)
    windows = training_windows(transform, sizes, transform.size, **ADDRESS)
    (mask,) = masks_of(sizes)
    (made,) = cut_out([mask], windows, size, 255)
    outside = {"fill": 255} if mode == "constant" else {"padding_mode": mode}
    whole = F.pad(F.resize(theirs(mask[None]), [max(size)]), [padding] * 4, **outside)[0]
    y, x = windows.start[0] + padding
    expected = F.crop(whole, y, x, *size)
    np.testing.assert_array_equal(made, F.horizontal_flip(expected) if windows.flipped[0] else expected)


@given(st.data())
def test_validation_is_torchvisions_resize_and_centre_crop(data: st.DataObject) -> None:
    sizes = np.array([data.draw(st.tuples(st.integers(1, 200), st.integers(1, 200)), "stored")])
    size = data.draw(st.tuples(st.integers(1, 60), st.integers(1, 60)))
    transform = ValTransform(size, resize_size=max(size) + data.draw(st.integers(0, 20)))
    (mask,) = masks_of(sizes)
    maps, _ = transform.maps([mask], sizes, 255, **ADDRESS)
    chain = v2.Compose([v2.Resize(transform.resize_size), v2.CenterCrop(list(size))])
    np.testing.assert_array_equal(maps[0], chain(theirs(mask)))


def test_a_resized_window_is_that_of_images_without_masks() -> None:
    """The law, of which `test_resized_crop` tests the rest."""
    sizes = np.array([(60, 47), (8, 8), (10, 300)] * 20)
    transform = TrainTransform(20, hflip=0.0, scale=(0.2, 1.0), ratio=(0.9, 1.1))
    windows = training_windows(transform, sizes, transform.size, **ADDRESS)
    rng = stream(Purpose.WINDOW, **ADDRESS)
    rng.random_sample(len(sizes))  # of the flips
    expected = resized_crop(rng.random_sample((len(sizes), CHANCES)), sizes, *transform.ranges)
    np.testing.assert_array_equal(np.hstack([windows.start, windows.shape]), expected)


def test_windows_depend_on_the_address_alone() -> None:
    transform, sizes = TrainTransform(20), np.tile((50, 60), (6, 1))
    first = training_windows(transform, sizes, transform.size, **ADDRESS)
    np.testing.assert_array_equal(
        first.start, training_windows(transform, sizes, transform.size, **ADDRESS).start
    )
    for name in ADDRESS:
        other = training_windows(transform, sizes, transform.size, **{**ADDRESS, name: 9})
        assert not np.array_equal(first.start, other.start), name


def test_windows_are_turned_as_often_as_asked_and_else_stay_as_they_were() -> None:
    """The count is binomial; within 5 deviations with probability 1 - 6e-7."""
    sizes = np.tile((50, 60), (2000, 1))
    plain, turning = (
        training_windows(TrainTransform(20, vflip=vflip), sizes, (20, 20), **ADDRESS) for vflip in (0.0, 0.2)
    )
    for name in ("start", "shape", "flipped"):
        np.testing.assert_array_equal(getattr(plain, name), getattr(turning, name))
    assert not plain.upside_down.any()
    assert abs(turning.upside_down.sum() - 400) < 5 * np.sqrt(2000 * 0.2 * 0.8)
    both = (turning.upside_down & turning.flipped).sum()
    assert abs(both - 200) < 5 * np.sqrt(2000 * 0.1 * 0.9)


def test_maps_follow_affine_operations() -> None:
    """torchvision's rotation and shift by nearest neighbour; a pixel whose source lies on an edge may be another."""

    class Moving(TrainTransform):
        @property
        def stages(self):  # type: ignore[no-untyped-def]
            return Chance("TranslateX", 1.0, 7, 7), Chance("Rotate", 1.0, 30, 30)

    size = (41, 57)
    (mask,) = masks_of(np.array([size]))
    smooth = np.repeat(np.repeat(mask[::8, ::8], 8, 0), 8, 1)[:41, :57]
    transform = Moving(size, scale=(1, 1), ratio=(57 / 41, 57 / 41), hflip=0)
    maps, windows = transform.maps([smooth], np.array([size]), 255, **ADDRESS)
    assert windows.shape.tolist() == [list(size)]
    moved = F.affine(theirs(smooth), 0, [-7, 0], 1.0, [0.0, 0.0], fill=255)  # Pillow: where pixels come from
    moved = F.rotate(moved, 30, fill=255)
    assert (maps[0] == moved.numpy()).mean() > 0.99 and (maps == 255).mean() > 0.1


def test_an_image_without_a_mask_is_outside_everywhere() -> None:
    sizes = np.array([(30, 40), (30, 40)])
    maps, _ = TrainTransform(16).maps([masks_of(sizes)[0], None], sizes, 77, **ADDRESS)
    assert (maps[1] == 77).all() and not (maps[0] == 77).all()
