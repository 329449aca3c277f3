"""A folder with one folder of images per class, by the rules of torchvision's ImageFolder."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence

from dali_mixup._checks import boolean
from dali_mixup.sources.extensions import IMAGE_EXTENSIONS
from dali_mixup.sources.files import FileList
from dali_mixup.sources.names import name_text
from dali_mixup.sources.paths import home_expanded, path_text
from dali_mixup.sources.remarks import Remark
from dali_mixup.sources.remote.listing import class_folders, images_below, objects_below
from dali_mixup.sources.remote.stores import check_scheme
from dali_mixup.sources.remote.urls import is_url
from dali_mixup.sources.strays import class_remarks, file_remarks


def image_folder(
    root: str | os.PathLike[str],
    *,
    extensions: Sequence[str] = IMAGE_EXTENSIONS,
    allow_empty: bool = False,
) -> FileList:
    """The images below `root`, labelled by the folder they are in: root/<class>/.../<image>.

    Classes are the folders right below root, sorted by name. Their images are found at any depth, links are followed,
    and extensions compare without regard to case; files elsewhere are ignored. Classes, labels and order are those of
    `torchvision.datasets.ImageFolder`. Pipes, sockets and devices are left out, since reading them could last forever;
    these, and folders that are probably not meant as classes, are logged (`Source.remarks`).

    Args:
        root: the folder, or its URL in an object store (without links, pipes and empty folders).
        extensions: extensions of images, each with its dot.
        allow_empty: whether a class folder without images is still a class.

    Raises:
        FileNotFoundError: the folder does not exist.
        NotADirectoryError: it is a file.
        ValueError: it holds no class folder, no image, or (unless `allow_empty`) a class folder without images, which
            would take a label.
        TypeError: extensions that are not a list of texts, or an `allow_empty` that is neither True nor False.
        StorageError: an object store fails, or refuses access.
    """
    endings = _checked_endings(extensions)
    allow_empty = boolean("image_folder", "allow_empty", allow_empty)
    blocking: list[str] = []
    if is_url(path_text(root)):
        check_scheme(path_text(root))
        folder = path_text(root).rstrip("/")
        classes = class_folders(folder)
        images = images_below(folder, classes, endings)
    else:
        folder = _existing(root)
        with os.scandir(folder) as entries:
            folders = {name_text(entry.name): entry.name for entry in entries if entry.is_dir()}
        classes = sorted(folders)
        images = [_images_below(folder, folders[name], endings, blocking) for name in classes]
    if not classes:
        raise ValueError(f"{folder!r} holds no class folders: images are expected at <class>/<image> in it")
    paths: list[str] = []
    labels: list[int] = []
    for label, found in enumerate(images):
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
            f"{endings}: {[classes[label] for label in empty[:5]]}. Remove these folders; in "
            "Python, image_folder(..., allow_empty=True) keeps their labels"
        )
    direct = {label for path, label in zip(paths, labels, strict=True) if path.count("/") == 1}
    remarks = [
        *class_remarks(folder, classes, [label in direct for label in range(len(classes))]),
        *file_remarks(folder, paths),
        *_blocking_remarks(folder, blocking),
    ]
    return FileList(paths, labels, classes, root=folder, remarks=remarks)


def files_below(folder: str, extensions: Sequence[str]) -> list[str]:
    """The files at or below a folder, or the URL of one, that have one of the extensions: their paths below it, sorted.
    Links are followed.

    Raises:
        FileNotFoundError, NotADirectoryError: there is no such folder.
        ValueError: a link to a folder that contains it.
        StorageError: an object store fails, or refuses access.
    """
    endings = tuple(extension.lower() for extension in extensions)
    if is_url(folder):
        check_scheme(folder)
        return objects_below(folder, endings)
    root = _existing(folder)
    walked = _walk(root, endings, [])
    return sorted(
        name_text(os.path.relpath(os.path.join(where, file), root))
        for where, files in walked
        for file in files
    )


def _existing(root: str | os.PathLike[str]) -> str:
    folder = os.path.abspath(home_expanded(root))
    if not os.path.exists(folder):
        raise FileNotFoundError(f"the folder {folder!r} does not exist")
    if not os.path.isdir(folder):
        raise NotADirectoryError(f"{folder!r} is not a folder")
    return folder


def _blocking_remarks(root: str, blocking: list[str]) -> list[Remark]:
    if not blocking:
        return []
    return [
        Remark(
            f"{root!r}: pipes, sockets or devices named like images are left out: {len(blocking)}, such as "
            f"{blocking[0]!r}"
        )
    ]


def _images_below(root: str, name: str, endings: tuple[str, ...], blocking: list[str]) -> list[str]:
    found = []
    # Sorting the walk by folder path, and files within a folder, is torchvision's order.
    walked = _walk(os.path.join(root, name), endings, blocking)
    for below, files in sorted((name_text(os.path.relpath(where, root)), files) for where, files in walked):
        found += [f"{below}/{file}" for file in sorted(map(name_text, files))]
    return found


def _walk(folder: str, endings: tuple[str, ...], blocking: list[str]) -> Iterator[tuple[str, list[str]]]:
    """Every folder at or below `folder` with the names of its images; pipes and devices are added to `blocking`."""
    waiting: list[tuple[str, tuple[str, ...]]] = [(folder, ())]
    while waiting:
        where, left = waiting.pop()
        files: list[str] = []
        with os.scandir(where) as entries:
            for entry in entries:
                if _is(entry.is_dir, entry):
                    waiting.append(
                        (entry.path, _left_for(entry, where, left) if entry.is_symlink() else left)
                    )
                elif entry.name.lower().endswith(endings):
                    # A broken link is a sample, as in torchvision: it is reported when it is read.
                    ordinary = _is(entry.is_file, entry) or not os.path.exists(entry.path)
                    (files if ordinary else blocking).append(entry.name if ordinary else entry.path)
        yield where, files


def _is(question: Callable[[], bool], entry: os.DirEntry[str]) -> bool:
    try:
        return question()
    except OSError:  # a link to itself, or a folder without read permission
        return False


def _left_for(entry: os.DirEntry[str], where: str, left: tuple[str, ...]) -> tuple[str, ...]:
    """The folders left through links so far, including this one; an error if the walk comes back to one of them."""
    target = os.path.realpath(entry.path)
    left = (*left, os.path.realpath(where))
    if any(f"{folder}/".startswith(f"{target}/") for folder in left):
        raise ValueError(f"{entry.path!r} links to a folder that contains it: the walk would never end")
    return left


def _checked_endings(extensions: Sequence[str]) -> tuple[str, ...]:
    if isinstance(extensions, str) or not extensions or not all(isinstance(e, str) and e for e in extensions):
        raise TypeError(f"extensions must be a list such as ['.jpg', '.png'], got {extensions!r}")
    return tuple(extension.lower() for extension in extensions)
