"""The windows and flips of images with masks, decided in NumPy: the graph applies them to the images, `maps` to the
masks. A pure function of the batch's address and the sizes of its images."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from dali_mixup._seeding import Purpose, stream
from dali_mixup.augment import resized_crop
from dali_mixup.augment.crop_options import keeps_ratio
from dali_mixup.augment.kept_ratio import CHANCES, centred, kept_ratio, placed, reflected

if TYPE_CHECKING:
    from dali_mixup.augment.train import TrainTransform
    from dali_mixup.augment.val import ValTransform


@dataclass(frozen=True)
class Windows:
    """The windows of N images of sizes (H, W), which become images of one size (h, w).

    Attributes:
        start, shape: (N, 2) int32, y and x. A resized window: in the stored image. A padded or centred one: in the
            image whose shorter side was resized, which it may leave. One of timm's "rkrc" and "rkrr": start in the
            resized image, which it may leave, and the shape of that image.
        flipped, upside_down: (N,) int32, 1 where the result is flipped left to right, top to bottom.
        rows, columns: for each image (h,) and (w,) int64, the place in the stored image of every pixel of the result,
            by nearest neighbour, -1 outside.
    """

    start: np.ndarray
    shape: np.ndarray
    flipped: np.ndarray
    upside_down: np.ndarray
    rows: tuple[np.ndarray, ...]
    columns: tuple[np.ndarray, ...]

    @property
    def fed(self) -> dict[str, np.ndarray]:
        """The arrays that a graph may read, by name."""
        return {
            "window_start": self.start,
            "window_shape": self.shape,
            "window_flipped": self.flipped,
            "window_upside_down": self.upside_down,
        }


def training_windows(
    transform: TrainTransform,
    sizes: np.ndarray,
    size: tuple[int, int],
    *,
    seed: int,
    rank: int,
    epoch: int,
    step: int,
) -> Windows:
    """The windows of a training batch.

    Args:
        sizes: (N, 2) integers, height and width of each image.
        size: (h, w) of the result.
    """
    rng = stream(Purpose.WINDOW, seed, rank=rank, epoch=epoch, step=step)
    flipped = (rng.random_sample(len(sizes)) < transform.hflip).astype(np.int32)
    if transform.crop == "padded":
        chance = rng.random_sample((len(sizes), 2))
        start, places = _padded(sizes, size, transform.padding, chance, transform.reflects)
        shape = np.broadcast_to(np.array(size, np.int32), start.shape)
    elif keeps_ratio(transform.crop):
        chances = rng.random_sample((len(sizes), CHANCES))
        shape = kept_ratio(chances, sizes, size, *transform.ranges)
        start = centred(shape, size) if transform.crop == "rkrc" else placed(chances, shape, size)
        places = _places(sizes, shape, start, size, reflect=True)
    else:
        chances = rng.random_sample((len(sizes), resized_crop.CHANCES))
        boxes = resized_crop.resized_crop(chances, sizes, *transform.ranges)
        start, shape = boxes[:, :2], boxes[:, 2:]
        places = [
            tuple(at + nearest(int(extent), side) for at, extent, side in zip(*box, size, strict=True))
            for box in zip(start, shape, strict=True)
        ]
    # Drawn last: where nothing is turned upside down, no draw is spent on it.
    turned = rng.random_sample(len(sizes)) < transform.vflip if transform.vflip else np.zeros(len(sizes))
    upside_down = turned.astype(np.int32)
    rows = tuple(_turned(down, turn) for (down, _), turn in zip(places, upside_down, strict=True))
    columns = tuple(_turned(across, flip) for (_, across), flip in zip(places, flipped, strict=True))
    return Windows(
        np.ascontiguousarray(start, np.int32),
        np.ascontiguousarray(shape, np.int32),
        flipped,
        upside_down,
        rows,
        columns,
    )


def centred_windows(transform: ValTransform, sizes: np.ndarray) -> Windows:
    """The centres of a validation batch; `sizes` as of `training_windows`."""
    assert transform.resize_size is not None
    resized = shorter_side(sizes, transform.resize_size)
    # torchvision rounds half the room, a half to the even neighbour.
    start = np.rint((resized - np.array(transform.size)) / 2).astype(np.int64)
    places = _places(sizes, resized, start, transform.size)
    shape = np.broadcast_to(np.array(transform.size, np.int32), start.shape)
    no = np.zeros(len(sizes), np.int32)
    return Windows(start, shape, no, no, *(tuple(each) for each in zip(*places, strict=True)))


def shorter_side(sizes: np.ndarray, shorter: int) -> np.ndarray:
    """(N, 2) int64 sizes with a shorter side of `shorter` pixels; torchvision truncates the longer one."""
    sizes = sizes.astype(np.int64)
    return sizes * shorter // sizes.min(axis=1, keepdims=True)


def nearest(before: int, after: int) -> np.ndarray:
    """(after,) int64 in [0, before): the nearest neighbour of each pixel of a line that is resized from `before` to
    `after` pixels, as torchvision has it for masks, which is torch's `interpolate` with mode="nearest" and its float32:
    floor(i before / after)."""
    scale = np.float32(before) / np.float32(after)
    places = np.floor(np.arange(after, dtype=np.float32) * scale).astype(np.int64)
    return np.minimum(places, before - 1)


def _turned(line: np.ndarray, turn: int) -> np.ndarray:
    return line[::-1] if turn else line


def _padded(
    sizes: np.ndarray, size: tuple[int, int], padding: int, chance: np.ndarray, reflect: bool
) -> tuple[np.ndarray, list[tuple[np.ndarray, ...]]]:
    """Every place of the window in the padded image is equally likely."""
    resized = shorter_side(sizes, max(size))
    positions = resized + 2 * padding + 1 - np.array(size)
    start = np.floor(chance * positions).astype(np.int64) - padding
    return start, _places(sizes, resized, start, size, reflect)


def _places(
    sizes: np.ndarray,
    resized: np.ndarray,
    start: np.ndarray,
    size: tuple[int, int],
    reflect: bool = False,
) -> list[tuple[np.ndarray, ...]]:
    """The places of a window in resized images, outside reflected or -1, for each image (rows, columns)."""
    found = []
    for before, after, at in zip(sizes, resized, start, strict=True):
        lines = []
        for axis in (0, 1):
            line = nearest(int(before[axis]), int(after[axis]))
            place = at[axis] + np.arange(size[axis])
            if reflect:
                place = reflected(place, int(after[axis]))
            inside = (place >= 0) & (place < after[axis])
            lines.append(np.where(inside, line[np.where(inside, place, 0)], -1))
        found.append(tuple(lines))
    return found
