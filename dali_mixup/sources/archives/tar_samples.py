"""The members of a tar that are samples, by the WebDataset convention.

Files that follow each other and share the name up to its first dot are one sample, such as `dir/007.jpg` and
`dir/007.cls`, the latter holding the label as decimal digits, or `dir/007.json`, which has it in a field.
"""

from __future__ import annotations

import posixpath
import re
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

from dali_mixup.sources.archives.notes import Notes
from dali_mixup.sources.archives.tar_headers import Kind, Member
from dali_mixup.sources.archives.tar_labels import CLS, JSON
from dali_mixup.sources.extensions import IMAGE_EXTENSIONS

_IMAGES = tuple(extension[1:] for extension in IMAGE_EXTENSIONS)
_META = re.compile(r"__[^/]*__($|/)")
"""Names that are reserved by WebDataset."""


_MOST_LINKS = 8
"""Maximum length of a chain of links; a longer one is a circle."""


class Sample(NamedTuple):
    """One sample.

    Attributes:
        key: its name.
        name: the path of its image in the archive.
        image, label: the members that hold their contents; the targets if they are links.
    """

    key: str
    name: str
    image: Member
    label: Member


FINDINGS = {
    "left out": "members left out because they belong to no sample with an image: {count}, such as {example}",
    "images": (
        "samples with several images: {count}, such as {example}; the one taken is the first in the order "
        + ", ".join(_IMAGES)
    ),
    "repeated": "names of samples that occur more than once in a shard: {count}, such as {example}; all are samples",
    "archives": "shards that hold several archives, one after the other: {count}, such as {example}; all are read",
}


def samples(members: Sequence[Member], shard: str, label: str = CLS) -> tuple[list[Sample], Notes]:
    """The samples among the members of a shard, in their order, and its other contents.

    Args:
        members: members of the shard, in their order.
        shard: its name, for messages.
        label: the ending of the members that hold labels.

    Raises:
        ValueError: an image without a label, two members of a sample with one name, or an image or label that is not a
            file here: stored with holes, a device, or a link to something else.
    """
    found: list[Sample] = []
    notes = Notes()
    parts: list[_Part] = []
    for member in members:
        split = _split(member, label)
        if split is not None:
            parts.append(_Part((member.archive, split[0]), split[1], member))
        elif member.kind in (Kind.FILE, Kind.SPARSE):
            notes.add("left out", repr(member.name))
    followed = _Links(members, shard)
    for (archive, key), group in groupby(parts, key=lambda part: part.key):
        endings = _by_ending([*group], shard)
        images = _images(endings, notes)
        if images and label in endings:
            found.append(Sample(key, images[0].name, followed(images[0]), followed(endings[label])))
        elif images:
            elsewhere = [part.member for part in parts if (part.key, part.ending) == ((archive, key), label)]
            raise ValueError(_unlabelled(shard, key, images[0], elsewhere, label, JSON in endings))
    for key, count in Counter(sample.key for sample in found).items():
        if count > 1:
            notes.add("repeated", repr(key))
    return found, notes


class _Part(NamedTuple):
    """The identity of a member's sample: the number of its archive and its name up to the first dot."""

    key: tuple[int, str]
    ending: str
    member: Member


def _split(member: Member, label: str) -> tuple[str, str] | None:
    """The key and the lower-case ending of a member: its last part is cut at the first dot; None: not of a sample.

    Names that begin with a dot are companions of macOS or hidden files.
    """
    folder, slash, last = member.name.rpartition("/")
    stem, dot, ending = last.partition(".")
    ending = ending.lower()
    if not stem or not dot or _META.match(member.name) or member.kind is Kind.FOLDER:
        return None
    if member.kind not in (Kind.FILE, Kind.SPARSE) and ending not in (*_IMAGES, label):
        return None
    return folder + slash + stem, ending


def _by_ending(group: list[_Part], shard: str) -> dict[str, Member]:
    """The members of one sample."""
    endings: dict[str, Member] = {}
    for part in group:
        if part.ending in endings:
            raise ValueError(
                f"{shard!r}: member {part.member.name!r} at offset {part.member.offset} comes twice in one sample, "
                f"first at offset {endings[part.ending].offset}"
            )
        endings[part.ending] = part.member
    return endings


def _images(endings: dict[str, Member], notes: Notes) -> list[Member]:
    """The images of one sample, the one to take first."""
    images = [endings[ending] for ending in _IMAGES if ending in endings]
    if not images:
        for member in endings.values():
            notes.add("left out", repr(member.name))
    if len(images) > 1:
        notes.add("images", " and ".join(repr(image.name) for image in images))
    return images


def _unlabelled(
    shard: str, key: str, image: Member, elsewhere: list[Member], label: str, has_json: bool
) -> str:
    text = f"sample {key!r} of {shard!r} has no label: "
    if elsewhere:
        return text + (
            f"{elsewhere[0].name!r} is at offset {elsewhere[0].offset}, but between it and {image.name!r} at "
            f"offset {image.offset} are other samples; the members of a sample must be adjacent"
        )
    text += f"a file {key}.{label} is expected beside the image {image.name!r} at offset {image.offset}"
    return text + (
        "; for a label in the .json file use TarShards(..., json_label='label')" if has_json else ""
    )


class _Links:
    """Follows links inside an archive to the member that holds the content. Of several members of one name, it is the
    one that extraction would give: for a hard link the last before it, for a symbolic link the last of all."""

    def __init__(self, members: Sequence[Member], shard: str) -> None:
        self._members: dict[tuple[int, str], list[Member]] = defaultdict(list)
        self._shard = shard
        if any(member.target for member in members):
            for member in members:
                self._members[member.archive, self._path(member.name)].append(member)

    def __call__(self, member: Member) -> Member:
        at = member
        for _ in range(_MOST_LINKS):
            if at.kind is Kind.FILE:
                return at
            if at.kind not in (Kind.HARD_LINK, Kind.SYMBOLIC_LINK):
                break
            named = self._members.get((at.archive, self._path(self._target(at))), [])
            hard = at.kind is Kind.HARD_LINK
            end = bisect_left(named, at.offset, key=lambda other: other.offset) if hard else len(named)
            if not end:
                where = "not before it in the archive" if hard else "not in the archive"
                raise self._error(member, f"{at.kind.value} to {at.target!r}, which is {where}")
            at = named[end - 1]
        raise self._error(member, f"{at.kind.value}, which cannot be read at random")

    def _error(self, member: Member, what: str) -> ValueError:
        return ValueError(
            f"{self._shard!r}: member {member.name!r} at offset {member.offset} is {what}; store it as an ordinary file"
        )

    @staticmethod
    def _path(name: str) -> str:
        return posixpath.normpath(name)

    @staticmethod
    def _target(link: Member) -> str:
        folder = posixpath.dirname(link.name) if link.kind is Kind.SYMBOLIC_LINK else ""
        return posixpath.join(folder, link.target)
