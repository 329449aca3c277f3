"""The next batch of a loader as a contact sheet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dali_mixup.viewing import contact_sheet, to_pixels

if TYPE_CHECKING:
    from PIL import Image

    from dali_mixup._loader.loader import MixLoader


def batch_sheet(loader: MixLoader, rows: int) -> Image.Image:
    """Draws the first `rows` rows of the first batch of the loader's next epoch; needs targets="compact"."""
    images, targets = loader.peek()
    return contact_sheet(
        to_pixels(images[:rows].float().cpu().numpy(), loader.mean, loader.std),
        targets.labels[:rows].cpu().numpy(),
        targets.weights[:rows].cpu().numpy(),
        loader.classes,
    )
