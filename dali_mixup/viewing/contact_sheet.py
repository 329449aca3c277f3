"""Images drawn in one picture, each with its classes and their weights."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from dali_mixup._checks import MOST_PIXELS
from dali_mixup._repr import printable

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

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
        draw.text((x, y), _shortened(draw, _name_of(label, class_names), font, room), INK, font, anchor="la")
        top = y + TEXT
        draw.rectangle((x, top, x + width - 1, top + BAR - 1), TRACK)
        if weight > 0:
            length = min(max(1, round(weight * width)), width)  # a weight above zero is never invisible
            draw.rectangle((x, top, x + length - 1, top + BAR - 1), COLOURS[column % len(COLOURS)])
        y += LINE


def _name_of(label: int, class_names: Sequence[str] | None) -> str:
    if label < 0:
        return "unlabelled"
    return str(label) if class_names is None else printable(class_names[label])


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
