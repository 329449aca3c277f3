"""A folder with one folder of images per class, by the rules of torchvision's ImageFolder."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from dali_mixup.sources.files import FileList
from dali_mixup.sources.paths import path_text

IMAGE_EXTENSIONS = (
    ".jpg",
    ".jpeg",
    ".png",
    ".ppm",
    ".bmp",
    ".pgm",
    ".tif",
    ".tiff",
    ".webp",
    ".jp2",
)
"""torchvision's, and JPEG 2000, which DALI decodes."""


def image_folder(
    root: str | os.PathLike[str],
    *,
    extensions: Sequence[str] = IMAGE_EXTENSIONS,
    allow_empty: bool = False,
) -> FileList:
    """The images below `root`, labelled by the folder they are in: root/<class>/.../<image>.

    Classes are the folders right below root, sorted by name. Their images are found at any depth, links are
    followed, and extensions compare without regard to case; files elsewhere are ignored. Classes, labels and
    order are those of `torchvision.datasets.ImageFolder`.

    Raises FileNotFoundError or NotADirectoryError where root is no folder, ValueError where it holds no class
    folder or (unless allow_empty) a class folder without images: an empty one would take a label all the
    same.
    """
    folder = os.path.abspath(path_text(root))
    if not os.path.exists(folder):
        raise FileNotFoundError(f"there is no folder {folder!r}")
    if not os.path.isdir(folder):
        raise NotADirectoryError(f"{folder!r} is not a folder")
    endings = _checked_endings(extensions)
    classes = sorted(entry.name for entry in os.scandir(folder) if entry.is_dir())
    if not classes:
        raise ValueError(
            f"{folder!r} holds no class folders: images are expected at {folder}/<class>/<image>"
        )
    paths: list[str] = []
    labels: list[int] = []
    for label, name in enumerate(classes):
        found = _images_below(folder, name, endings)
        paths += found
        labels += [label] * len(found)
    if not paths:
        raise ValueError(
            f"{folder!r} holds {len(classes)} class folders and no image with one of the extensions {endings}"
        )
    empty = sorted(set(range(len(classes))) - set(labels))
    if empty and not allow_empty:
        raise ValueError(
            f"{len(empty)} of {len(classes)} class folders of {folder!r} hold no image with one of the extensions "
            f"{endings}: {[classes[label] for label in empty[:5]]}. Remove them, or use "
            f"image_folder(..., allow_empty=True) to keep their labels."
        )
    return FileList(paths, labels, classes, root=folder)


def _images_below(root: str, name: str, endings: tuple[str, ...]) -> list[str]:
    found = []
    # Sorting the walk by folder path, and files within a folder, is torchvision's order.
    for where, files in sorted(_walk(os.path.join(root, name))):
        below = os.path.relpath(where, root)
        found += [f"{below}/{file}" for file in sorted(files) if file.lower().endswith(endings)]
    return found


def _walk(folder: str) -> Iterator[tuple[str, list[str]]]:
    for where, folders, files in os.walk(folder, followlinks=True, onerror=_raise):
        for name in folders:
            link = f"{where}/{name}"
            if os.path.islink(link) and f"{os.path.realpath(where)}/".startswith(
                f"{os.path.realpath(link)}/"
            ):
                raise ValueError(f"{link!r} links to a folder it lies in: the walk would never end")
        yield where, files


def _raise(error: OSError) -> None:
    raise error  # os.walk would leave an unreadable folder out in silence


def _checked_endings(extensions: Sequence[str]) -> tuple[str, ...]:
    if isinstance(extensions, str) or not extensions or not all(isinstance(e, str) and e for e in extensions):
        raise TypeError(f"extensions must be a list such as ['.jpg', '.png'], got {extensions!r}")
    return tuple(extension.lower() for extension in extensions)
