"""The images for a benchmark or a search for settings, from the user's arguments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dali_mixup.cli.progress import tracked

if TYPE_CHECKING:
    from dali_mixup.bench.work import Samples


def samples_of(data: str | None, synthetic: int) -> tuple[Samples, int]:
    """(path, label) of every image, and the number of classes; synthetic images are drawn first where needed.

    Raises:
        ValueError: neither or both of the two given, or data that are not files.
    """
    from dali_mixup.bench.synthetic import CLASSES, synthetic_folder
    from dali_mixup.sources import open_source

    if data is None and synthetic == 0:
        raise ValueError("give the path of the data, or --synthetic N to draw images")
    if data is not None and synthetic:
        raise ValueError(f"the data {data!r} and --synthetic {synthetic} are given; give one of them")
    if data is None and synthetic < CLASSES:
        raise ValueError(f"--synthetic {synthetic}: expected at least {CLASSES} images, one of each class")
    if data is None:
        with tracked("drawing images") as progress:
            data = str(synthetic_folder(synthetic, lambda drawn: progress(drawn, synthetic, "")))
    source = open_source(data)
    if not source.read_in_dali:
        raise ValueError(
            f"{data!r} holds images inside archives, which the other loaders cannot read; give files"
        )
    return [(source.name(i), int(label)) for i, label in enumerate(source.labels)], source.num_classes
