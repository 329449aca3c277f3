"""A picture of the views of some images: as they are, and mixed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

    from dali_mixup import MixPolicy, View
    from dali_mixup.augment import TrainTransform
    from dali_mixup.sources import Source

TITLE = 22  # height of a line of text


@dataclass(frozen=True)
class Line:
    """One image's views beside each other.

    Attributes:
        title: what is written above it.
        pixels: (H, W, 3) uint8 each.
        shares: (class, weight, column) of each view, as of `viewing.class_shares`.
    """

    title: str
    pixels: Sequence[np.ndarray]
    shares: Sequence[list[tuple[int, float, int]]]


def lines_of_views(
    source: Source,
    views: Sequence[View],
    transform: TrainTransform,
    policy: MixPolicy | None,
    *,
    images: int,
    seed: int,
    device: str,
) -> list[Line]:
    """Two lines for each image: its views unmixed, and mixed by their own policies, or by `policy` where they have
    none. One line if nothing is mixed.

    Args:
        transform: of views that have none of their own.
        images: number of images, >= 2.
    """
    from dali_mixup import Output, train_loader

    plain = [replace(view, policy=None, output=None) for view in views]
    mixed = [replace(view, policy=view.policy or policy, output=None) for view in views]
    cases = {"as they are": plain, "mixed": mixed} if any(view.policy for view in mixed) else {"": plain}
    of_loaders = []
    for given in cases.values():
        loader = train_loader(
            source,
            views=given,
            transform=transform,
            batch_size=images,
            output=Output(),
            device=device,
            seed=seed,
            targets="compact" if any(view.policy for view in given) else None,
            rank=0,
            world_size=1,
        )
        with loader:
            of_loaders.append((loader.peek(), loader))
    lines = []
    for row in range(images):
        for title, ((batch, targets), loader) in zip(cases, of_loaders, strict=True):
            lines.append(_line(title, row, batch, targets, loader))
    return lines


def _line(title: str, row: int, batch: Any, targets: Any, loader: Any) -> Line:
    from dali_mixup.viewing import denormalise, shares_of
    from dali_mixup.viewing.contact_sheet import class_shares

    each = targets if isinstance(targets, tuple) else (targets,) * len(batch)
    tables = [
        tuple(part[row] for part in shares_of(one, len(view))) for one, view in zip(each, batch, strict=True)
    ]
    pixels = [denormalise(view[row], loader.mean, loader.std) for view in batch]
    return Line(title, pixels, [class_shares(*table) for table in tables])


def drawn_lines(lines: Sequence[Line], class_names: Sequence[str]) -> Image.Image:
    """The lines below each other, every view as large as it is, with its classes."""
    from PIL import Image, ImageDraw, ImageFont

    from dali_mixup.viewing.contact_sheet import BACKGROUND, INK, LINE, MARGIN, draw_shares

    width = MARGIN + max(sum(image.shape[1] + MARGIN for image in line.pixels) for line in lines)
    heights = [
        TITLE + max(i.shape[0] + 4 + LINE * len(s) for i, s in zip(line.pixels, line.shares, strict=True))
        for line in lines
    ]
    sheet = Image.new("RGB", (width, sum(heights) + MARGIN * (len(lines) + 1)), BACKGROUND)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=15)
    y = MARGIN
    for line, height in zip(lines, heights, strict=True):
        x = MARGIN
        draw.text((x, y), line.title, INK, font)
        for pixels, share in zip(line.pixels, line.shares, strict=True):
            sheet.paste(Image.fromarray(pixels), (x, y + TITLE))
            draw_shares(draw, x, y + TITLE + pixels.shape[0] + 4, pixels.shape[1], share, class_names)
            x += pixels.shape[1] + MARGIN
        y += height + MARGIN
    return sheet
