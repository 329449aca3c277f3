"""Pictures of a batch: pixels from normalised images, and the batch with its soft labels as one picture."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from dali_mixup._checks import integer, members
from dali_mixup._graph.feed import channels
from dali_mixup._graph.pixel_kind import USUAL, PixelKind
from dali_mixup._graph.pixel_scale import IMAGENET_MEAN, IMAGENET_STD, misfit
from dali_mixup.viewing.contact_sheet import contact_sheet

__all__ = ["denormalise", "to_grid"]

MOST_TILE = 4096


def denormalise(
    images: Any,
    mean: Sequence[float] = IMAGENET_MEAN,
    std: Sequence[float] = IMAGENET_STD,
    *,
    bits: int = 8,
) -> np.ndarray:
    """The pixels of normalised images, rounded and clipped to black and white.

    Args:
        images: (N, C, H, W) or (C, H, W) floats, a tensor on any device or an array.
        mean, std: (C,) of the normalisation, on the scale of the pixels: `loader.mean`, `loader.std`.
        bits: of the pixels, 8 or 16, as in `Output`.

    Returns:
        (N, H, W, C) or (H, W, C) uint8, as Pillow and matplotlib expect it for 3 channels; 16 bits are
        divided by 257 and rounded.

    Raises:
        TypeError, ValueError: images of another shape, such as several views; a mean and std of another number than the
            channels, or that cannot be those of such pixels.
    """
    return _eight_bits(*_unnormalised("denormalise", images, mean, std, bits))


def to_grid(
    images: Any,
    targets: Any = None,
    classes: Sequence[str] | None = None,
    *,
    mean: Sequence[float] = IMAGENET_MEAN,
    std: Sequence[float] = IMAGENET_STD,
    bits: int = 8,
    columns: int = 8,
    tile: int = 176,
) -> Image.Image:
    """Draw a batch as one picture: every image with its classes and their weights, in percent and as bars.

    Args:
        images: (N, C, H, W) normalised floats, a tensor on any device or an array. One channel is drawn grey, of
            two the first, of more than three the first three as red, green and blue.
        targets: of the batch: `MixedTargets`; (N, C) dense, of which the four largest weights, of any sign, are drawn;
            (N,) or (N, 1) class ids of an integer type; or None for images only. Of several views give one at a time.
        classes: the name of every class id, such as `loader.classes`; None: show the ids.
        mean, std: (C,) of the normalisation, on the scale of the pixels: `loader.mean`, `loader.std`.
        bits: of the pixels, 8 or 16, as in `Output`. Of 16, the batch's largest value is drawn white: few sensors use
            all of them.
        columns: images per line, >= 1.
        tile: width of a drawn image in pixels, 1 to 4096.

    Raises:
        TypeError, ValueError: shapes that do not match; targets without classes; a class id without a name; columns or
            tile outside the above; a mean and std of another number than the channels, or that cannot be those of such
            pixels.

    Example:
        >>> images, targets = loader.peek()  # doctest: +SKIP
        >>> to_grid(images, targets, loader.classes).save("batch.png")  # doctest: +SKIP
    """
    columns = integer("to_grid", "columns", columns, at_least=1)
    tile = integer("to_grid", "tile", tile, at_least=1, at_most=MOST_TILE)
    given, white = _unnormalised("to_grid", images, mean, std, bits)
    if given.ndim != 4 or len(given) == 0:
        raise ValueError(
            f"to_grid: images of shape {tuple(np.shape(images))}, expected (N, C, H, W) with N >= 1; one image is "
            "images[None]"
        )
    pixels = _coloured(_eight_bits(given, white if bits == USUAL.bits else _largest(given)))
    labels, weights = shares_of(targets, len(pixels))
    names = None if classes is None else members(classes)
    if names is None and classes is not None:
        raise TypeError(f"to_grid: classes={classes!r}, expected a list of names, such as loader.classes")
    return contact_sheet(pixels, labels, weights, names, columns=columns, tile=tile)


def _unnormalised(
    owner: str, images: Any, mean: Sequence[float], std: Sequence[float], bits: int
) -> tuple[np.ndarray, int]:
    """(..., H, W, C) float32 in units of the pixels, and white; ValueError for images of another shape than
    (N, C, H, W) or (C, H, W), and for a mean and std of another scale."""
    array = _array(_of_one_shape(owner, images))
    given_as, array = array.dtype, array.astype(np.float32)
    means, stds = channels(owner, *(_array(each).tolist() for each in (mean, std)))
    if array.ndim not in (3, 4) or len(means) not in (1, array.shape[-3]):
        count = f"{len(means)}" if len(means) > 1 else "C"
        raise ValueError(
            f"{owner}: images of shape {array.shape} and {len(means)} means, expected (N, {count}, H, W) or "
            f"({count}, H, W)"
        )
    if given_as.kind in "biu" and (any(means) or {*stds} != {1.0}):
        raise ValueError(
            f"{owner}: images of type {given_as} are pixels already, and mean={mean!r}, std={std!r} of normalised "
            "ones; expected floats, or mean=0 and std=1"
        )
    kind = PixelKind.checked(owner, array.shape[-3], bits)
    if reason := misfit(means, stds, kind.bits):
        raise ValueError(f"{owner}: mean={mean!r} and std={std!r}, {reason}")
    return np.moveaxis(array, -3, -1) * np.asarray(stds, np.float32) + np.asarray(
        means, np.float32
    ), kind.most


def _of_one_shape(owner: str, images: Any) -> Any:
    """The images; ValueError for a list or tuple of several views, or of images of several shapes."""
    shapes = sorted({tuple(np.shape(each)) for each in images}) if isinstance(images, (tuple, list)) else []
    if len(shapes) > 1 or any(len(shape) > 3 for shape in shapes):
        raise ValueError(
            f"{owner}: images is a {type(images).__name__} of the shapes {', '.join(map(str, shapes[:3]))}; expected "
            "one tensor (N, C, H, W); of several views give one at a time, such as images[0], with targets[0] if each "
            "has its own"
        )
    return images


def _eight_bits(pixels: np.ndarray, white: float) -> np.ndarray:
    """The pixels as uint8, of which `white` becomes 255, rounded and cut off; what is no number is black."""
    return np.nan_to_num(np.clip(np.rint(pixels * (255 / white)), 0, 255)).astype(np.uint8)


def _largest(pixels: np.ndarray) -> float:
    """The largest finite number, at least 1."""
    return float(np.max(pixels, initial=1.0, where=np.isfinite(pixels)))


def _coloured(pixels: np.ndarray) -> np.ndarray:
    """(N, H, W, 3) of (N, H, W, C)."""
    return pixels[..., :3] if pixels.shape[-1] >= 3 else np.repeat(pixels[..., :1], 3, axis=-1)


def _array(thing: Any) -> np.ndarray:
    """A tensor (possibly on a GPU, or of a type that NumPy lacks) or anything array-like, as an array."""
    if hasattr(thing, "detach"):
        thing = thing.detach().cpu()
        thing = thing.float() if thing.is_floating_point() else thing
    return np.asarray(thing)


def shares_of(targets: Any, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """(labels (N, k), weights (N, k)) of targets in any form; ValueError for those of several views, and for numbers
    that are neither class ids nor their weights."""
    if targets is None:
        return np.zeros((rows, 0), np.int64), np.zeros((rows, 0), np.float32)
    if hasattr(targets, "weights"):
        return _array(targets.labels), _array(targets.weights)
    if isinstance(targets, tuple) and any(hasattr(each, "weights") or np.ndim(each) for each in targets):
        raise ValueError(
            f"to_grid: targets is a tuple of {len(targets)}, as of several views; give those of one, such as targets[0]"
        )
    array = _array(targets)
    if array.dtype.kind in "iu" and array.shape[1:] in ((), (1,)):
        return array.reshape(-1, 1).astype(np.int64), np.ones((len(array), 1), np.float32)
    if array.ndim != 2 or array.dtype.kind not in "iufb":
        raise ValueError(
            f"to_grid: targets of type {array.dtype} and shape {array.shape} have no classes to draw; expected "
            "MixedTargets, dense (N, C), or (N,) class ids of an integer type"
        )
    array = array.astype(np.float32)  # an unsigned number has no negative
    largest = np.argsort(-abs(array), axis=1, kind="stable")[:, :4]
    return largest, np.take_along_axis(array, largest, axis=1)
