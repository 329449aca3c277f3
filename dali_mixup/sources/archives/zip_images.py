"""The images among the members of a zip file, and the class of each: by its folder, or by a list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from dali_mixup._repr import quoted
from dali_mixup.sources.archives.index import ArchiveIndex
from dali_mixup.sources.archives.notes import Notes
from dali_mixup.sources.archives.pieces import ArchiveError
from dali_mixup.sources.archives.zip_directory import DEFLATED, METHODS, MOST_BYTES, STORED, Member
from dali_mixup.sources.extensions import IMAGE_EXTENSIONS
from dali_mixup.sources.paths import climbs

COLUMNS = ("stored", "size", "method", "crc")
FINDINGS = {
    "unlisted": "images left out because the list of labels does not name them: {count}, such as {example}",
    "outside": "images left out because they lie outside the class folders: {count}, such as {example}",
    "other": "members left out because they are not images: {count}, such as {example}",
    "guessed": "names of images whose encoding is not stated, taken as code page 437: {count}, such as {example}; if "
    "these letters are wrong, zip the folder again with a program that writes UTF-8",
    "macos": "files of macOS, not images, left out: {count}, such as {example}",
}

_MACOS = "__MACOSX/"
"""The folder that macOS adds to zip files for its own attributes; it holds a file for every image, of the same name."""


def plain(path: str) -> str:
    """A path without the parts that lead nowhere, which are empty or `.`; a slash before or behind others stays."""
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if not parts:
        return ""
    return f"{'/' if path.startswith('/') else ''}{'/'.join(parts)}{'/' if path.endswith('/') else ''}"


class Contents(NamedTuple):
    """What an archive holds below a folder.

    Attributes:
        images: the images by their paths below the folder, in the order of the archive's directory.
        folders: the names of the folders right below it.
        notes: what else was found.
    """

    images: dict[str, Member]
    folders: set[str]
    notes: Notes


def contents(members: Sequence[Member], folder: str) -> Contents:
    """What an archive holds below a folder.

    Args:
        members: its members; their names become those of extracted files, without empty parts and `.`.
        folder: the folder as `plain` gives it, with a slash at its end; "": the whole archive.

    Raises:
        ArchiveError: two images with one path.
    """
    found = Contents({}, set(), Notes())
    for stored in members:
        name = plain(stored.name)
        member = stored if name == stored.name else stored._replace(name=name)
        if member.name.startswith(_MACOS):
            found.notes.add("macos", quoted(member.name))
        elif member.name.startswith(folder):
            path = member.name[len(folder) :]
            if "/" in path:
                found.folders.add(path.partition("/")[0])
            if path.lower().endswith(IMAGE_EXTENSIONS):
                if path in found.images:
                    raise ArchiveError(
                        f"{quoted(member.name)} is stored twice, at offsets {found.images[path].offset} and "
                        f"{member.offset}: zip the folder again, so that it is clear which one is meant"
                    )
                found.images[path] = member
                if member.guessed:
                    found.notes.add("guessed", quoted(member.name))
            elif path and not path.endswith("/"):
                found.notes.add("other", quoted(member.name))
    return found


def by_folder(found: Contents, classes: Sequence[str]) -> dict[str, int]:
    """The labels of the images in class folders by their paths, in torchvision's order; the others are noted.

    Args:
        found: the contents.
        classes: the names of the class folders.
    """
    label_of = {name: label for label, name in enumerate(classes)}
    rows = []
    for path in found.images:
        folder, slash, name = path.rpartition("/")
        if slash:
            rows.append((label_of[path.partition("/")[0]], folder, name))
        else:
            found.notes.add("outside", quoted(path))
    return {f"{folder}/{name}": label for label, folder, name in sorted(rows)}


def by_list(found: Contents, table: Mapping[str, int]) -> dict[str, int]:
    """The labels of the images that a list names by their paths, in its order; the others are noted.

    Args:
        found: the contents.
        table: the label of every path in the list.
    """
    for path in found.images:
        if path not in table:
            found.notes.add("unlisted", quoted(path))
    return {path: label for path, label in table.items() if path in found.images}


def index(found: Contents, labels: Mapping[str, int], state: tuple[int, ...]) -> ArchiveIndex:
    """The index of the images that have a label.

    Args:
        found: the contents.
        labels: the labels by path.
        state: see `Input`.

    Raises:
        ArchiveError: one of the images cannot be used.
    """
    members = [found.images[path] for path in labels]
    for member in members:
        if wrong := _wrong(member):
            raise ArchiveError(f"{quoted(member.name)} at offset {member.offset} {wrong}")
    rows = [
        (member.offset, member.extent, label, member.stored, member.size, member.method, member.crc)
        for member, label in zip(members, labels.values(), strict=True)
    ]
    return ArchiveIndex.of([member.name for member in members], rows, state, found.notes, COLUMNS)


def _wrong(member: Member) -> str | None:
    """The reason why an image cannot be used, if there is one."""
    if climbs(member.name):
        return "has an absolute path, or one with `..`: zip the folder again, with paths below it"
    if member.encrypted:
        return "is encrypted: zip the images without a password"
    if member.method not in (STORED, DEFLATED):
        kind = METHODS.get(member.method, f"method {member.method}")
        return f"is compressed with {kind}: zip the images again, best without compression (zip -0)"
    if member.method == STORED and member.size != member.stored:
        return f"has {member.stored} bytes but states {member.size}: the directory is damaged"
    if member.size > MOST_BYTES:
        return f"states {member.size} bytes, expected at most {MOST_BYTES} for an image"
    return None
