"""The folder of the demo, in which its photographs must be the only images and which must be nobody's data."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path

FEW = 3  # names in a message


def refuse_others(out: Path, photographs: Path) -> None:
    """Raise before anything is written.

    Args:
        photographs: the folder inside `out` that the demo fills.

    Raises:
        ValueError: it holds something else, which would be trained on; or `out` lies in a folder of class folders, of
            which it would become a class.
    """
    others = list(islice(_others(photographs), FEW + 1))
    if others:
        named = ", ".join(repr(str(path.relative_to(out))) for path in others[:FEW])
        more = " and more" if len(others) > FEW else ""
        raise ValueError(
            f"--out {str(out)!r} holds {named}{more}, which the demo did not write and would train on; remove that, or "
            "give another folder"
        )
    for folder, inside in _upwards(out):
        if _holds_classes(folder, without=inside):
            raise ValueError(
                f"--out {str(out)!r}: {str(folder)!r} is a folder of class folders, where the photographs would be "
                "taken for a class; give a folder elsewhere"
            )


def _others(photographs: Path) -> Iterator[Path]:
    """What lies there and was not written by the demo."""
    from dali_mixup.bench.photographs import CLASSES, PER_CLASS

    for split in sorted(_entries(photographs)):
        if split.name not in PER_CLASS or not split.is_dir():
            yield split
            continue
        for folder in sorted(_entries(split)):
            if folder.name not in CLASSES or not folder.is_dir():
                yield folder
                continue
            own = {f"{folder.name}_{number}.JPEG" for number in range(PER_CLASS[split.name])}
            # A killed process leaves NAME.PID-RANDOM.partial, which is no image.
            yield from (
                file
                for file in sorted(_entries(folder))
                if file.name not in own and file.suffix != ".partial"
            )


def _upwards(out: Path) -> Iterator[tuple[Path, str]]:
    """The folder and those that contain it, each with what leads to the photographs from there."""
    path = Path(os.path.realpath(out))
    yield path, "photographs"
    while path != path.parent:
        path, inside = path.parent, path.name
        yield path, inside


def _holds_classes(folder: Path, without: str) -> bool:
    """True if there are two folders or more, apart from one, and every one of them holds images."""
    from dali_mixup.sources.extensions import IMAGE_EXTENSIONS

    def images(path: Path) -> bool:
        return any(file.name.lower().endswith(IMAGE_EXTENSIONS) for file in _entries(path))

    classes = [path for path in _entries(folder) if path.name != without and path.is_dir()]
    return len(classes) > 1 and all(map(images, classes))


def _entries(folder: Path) -> Iterator[Path]:
    with suppress(OSError):  # not there, or not readable
        yield from folder.iterdir()
