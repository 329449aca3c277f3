"""Pictures of a batch: pixels from normalised images, and images drawn with their soft labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from dali_mixup._checks import MOST_PIXELS, integer, members
from dali_mixup._graph.feed import channels
from dali_mixup._graph.pixel_kind import USUAL, PixelKind
from dali_mixup._graph.pixel_scale import IMAGENET_MEAN, IMAGENET_STD, misfit
from dali_mixup._repr import printable

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

MOST_TILE = 4096

MARGIN = 12
TEXT = 18  # height of a line of text
BAR = 6  # height of a bar
LINE = TEXT + BAR + 6  # one class: its text, its bar, and air

BACKGROUND = (255, 255, 255)
TRACK = (228, 230, 234)
INK = (30, 34, 40)
# One colour per column of the targets, so the row's own class is blue in every tile. Okabe and Ito's palette, which
# colour-blind readers can tell apart.
COLOURS = ((0, 114, 178), (230, 159, 0), (0, 158, 115), (204, 121, 167), (213, 94, 0), (86, 180, 233))


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
        (N, H, W, C) or (H, W, C) uint8, as Pillow and matplotlib expect it for 3 channels; of 16 bits the upper 8.

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


def contact_sheet(
    images: np.ndarray,
    labels: np.ndarray,
    weights: np.ndarray,
    class_names: Sequence[str] | None,
    *,
    columns: int = 8,
    tile: int = 176,
) -> Image.Image:
    """Draw N images in rows of `columns`, and below each its classes, the weights in percent and as bars.

    Args:
        images: (N, H, W, 3) uint8, N >= 1; drawn `tile` pixels wide, proportions kept.
        labels: (N, k) class ids; column 0 is the image's own class.
        weights: (N, k) label weights, rows sum to 1. A bar as wide as the image is a weight of 1 or more, and a
            negative weight has none. Columns of the same class are added up, columns of weight 0 left out.
        class_names: the name of every class id; None: the ids. Names that are too long are cut. An id below 0, of a
            `Pool`'s partners, is drawn as "unlabelled".

    Raises:
        ValueError: shapes that do not match; a class id without a name.
    """
    n = len(images)
    if n == 0 or images.ndim != 4 or images.shape[3] != 3 or images.dtype != np.uint8:
        raise ValueError(
            f"contact_sheet: images {images.dtype} {images.shape}, expected uint8 (N, H, W, 3) with N >= 1"
        )
    if labels.shape != weights.shape or labels.ndim != 2 or len(labels) != n:
        raise ValueError(
            f"contact_sheet: labels {labels.shape} and weights {weights.shape}, expected both ({n}, k) for {n} images"
        )
    shares = [class_shares(*row) for row in zip(labels, weights, strict=True)]
    highest = max((label for share in shares for label, _, _ in share), default=-1)
    if class_names is not None and highest >= len(class_names):
        raise ValueError(
            f"contact_sheet: class id {highest}, but names of {len(class_names)} classes; expected a name for every "
            "class id, such as loader.classes"
        )
    height = max(1, round(tile * images.shape[1] / images.shape[2]))
    cell_width, cell_height = tile + MARGIN, height + 4 + LINE * max(map(len, shares), default=0) + MARGIN
    columns = min(columns, n)
    size = (columns * cell_width + MARGIN, -(-n // columns) * cell_height + MARGIN)
    if size[0] * size[1] > MOST_PIXELS:
        raise ValueError(
            f"contact_sheet: {n} images of {images.shape[1]} x {images.shape[2]} pixels, drawn {tile} wide, make a "
            f"picture of {size[1]} x {size[0]}, expected at most {MOST_PIXELS} pixels (2**28): draw fewer or smaller"
        )
    sheet = Image.new("RGB", size, BACKGROUND)
    for i, (pixels, share) in enumerate(zip(images, shares, strict=True)):
        x, y = MARGIN + i % columns * cell_width, MARGIN + i // columns * cell_height
        sheet.paste(Image.fromarray(pixels).resize((tile, height), Image.Resampling.BICUBIC), (x, y))
        draw_shares(ImageDraw.Draw(sheet), x, y + height + 4, tile, share, class_names)
    return sheet


def class_shares(labels: np.ndarray, weights: np.ndarray) -> list[tuple[int, float, int]]:
    """(class, weight, first column) of one row's classes in column order; equal classes added, zeros left out."""
    total: dict[int, float] = {}
    column: dict[int, int] = {}
    for j, (label, weight) in enumerate(zip(labels.tolist(), weights.tolist(), strict=True)):
        total[label] = total.get(label, 0.0) + weight
        column.setdefault(label, j)
    return [(label, weight, column[label]) for label, weight in total.items() if weight != 0]


def draw_shares(
    draw: ImageDraw.ImageDraw,
    x: int,
    y: int,
    width: int,
    shares: list[tuple[int, float, int]],
    class_names: Sequence[str] | None,
) -> None:
    font = ImageFont.load_default(size=13)
    for label, weight, column in shares:
        percent = _percent(weight)
        draw.text((x + width, y), percent, INK, font, anchor="ra")
        room = width - draw.textlength(percent, font) - 8
        known = str(label) if class_names is None else printable(class_names[max(label, 0)])
        name = "unlabelled" if label < 0 else known
        draw.text((x, y), _shortened(draw, name, font, room), INK, font, anchor="la")
        top = y + TEXT
        draw.rectangle((x, top, x + width - 1, top + BAR - 1), TRACK)
        if weight > 0:
            length = min(max(1, round(weight * width)), width)  # a weight above zero is never invisible
            draw.rectangle((x, top, x + length - 1, top + BAR - 1), COLOURS[column % len(COLOURS)])
        y += LINE


def _percent(weight: float) -> str:
    """One decimal; a value that is not exactly 0 or 1 never looks as if it were."""
    if 0 < weight < 0.0005:
        return "<0.1%"
    if 0.9995 <= weight < 1:
        return ">99.9%"
    if -0.0005 < weight < 0:
        return ">-0.1%"
    return f"{100 * weight:.1f}%"


def _shortened(draw: ImageDraw.ImageDraw, text: str, font: Font, room: float) -> str:
    text = text[:200]  # a name may have thousands of characters, and each is tried
    if draw.textlength(text, font) <= room:
        return text
    while text and draw.textlength(text + "…", font) > room:
        text = text[:-1]
    return text.rstrip() + "…"
