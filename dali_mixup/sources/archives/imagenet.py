"""ImageNet-1k from the archives of ILSVRC 2012 as they are downloaded, without unpacking them.

    ILSVRC2012_img_train.tar        n01440764.tar, n01443537.tar, ... : a tar of images per class
    ILSVRC2012_img_val.tar          ILSVRC2012_val_00000001.JPEG, ... : all images, without classes
    ILSVRC2012_devkit_t12.tar.gz    the classes of the validation images; it must lie beside their archive

Samples, keys, labels and their order are those of torchvision's ImageNet, which unpacks the archives into a folder per
class.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import tarfile
from collections.abc import Iterator

import numpy as np

from dali_mixup.sources.archives.index import ArchiveIndex, Layout, kept_index
from dali_mixup.sources.archives.naming_errors import named
from dali_mixup.sources.archives.notes import Notes
from dali_mixup.sources.archives.open_files import OpenFiles
from dali_mixup.sources.archives.ranges import FileRanges
from dali_mixup.sources.archives.tar_headers import Kind, Member, members
from dali_mixup.sources.base import Source
from dali_mixup.sources.extensions import IMAGE_EXTENSIONS
from dali_mixup.sources.inputs import Input
from dali_mixup.sources.paths import regular_file
from dali_mixup.sources.remarks import Remark

TRAIN, VAL, DEVKIT = "ILSVRC2012_img_train.tar", "ILSVRC2012_img_val.tar", "ILSVRC2012_devkit_t12.tar.gz"

MD5 = {
    TRAIN: "1d675b47d978889d74fa0da5fadfb00e",
    VAL: "29b22e2961454d5413ddabcf34fc5622",
    DEVKIT: "fa75699e90414af021442c21a62c3abf",
}
"""Of the official archives, as in torchvision/datasets/imagenet.py."""

_FINDINGS = {"left out": "members left out because they are not images: {count}, such as {example}"}
_TRAIN = Layout("tars of ImageNet's classes", _FINDINGS)
_VAL = Layout("tar of ImageNet's validation images", _FINDINGS)
_MOST_DEVKIT_FILE = 1 << 26
_PIECE = 1 << 22


def is_imagenet_archive(path: str) -> bool:
    """True for the name of the training or the validation archive."""
    return os.path.basename(path) in (TRAIN, VAL)


def imagenet_archive(path: str) -> Source:
    """The images of the training or the validation archive, whose names are as they are downloaded.

    The archive is indexed once, and the index is kept beside it.

    Raises:
        FileNotFoundError: the archive does not exist, or for validation the devkit.
        ValueError: an archive that is damaged or has other contents.
        ImportError: validation without SciPy, which reads the devkit.
    """
    whole = os.path.abspath(path)
    return _train(whole) if os.path.basename(whole) == TRAIN else _val(whole)


def md5_differences(path: str) -> Iterator[str]:
    """One line for each official archive among `path` and its devkit that has another MD5 than it should have.

    Raises:
        FileNotFoundError: one of them does not exist.
        ValueError: one of them is not a regular file.
    """
    for name in (os.path.basename(path), *([DEVKIT] if os.path.basename(path) == VAL else [])):
        found = _md5(os.path.join(os.path.dirname(path), name))
        if found != MD5[name]:
            yield f"the MD5 of {name} is {found}, expected {MD5[name]}: download it again"


def _train(path: str) -> Source:
    index = kept_index(path, None, _TRAIN, _nested)
    names = index.name_texts()
    classes = sorted({name.partition("/")[0] for name in names})
    return _source(path, names, index.labels, classes, index, np.arange(len(names)))


def _val(path: str) -> Source:
    index = kept_index(path, None, _VAL, _flat)
    wnids, truth, remarks = _devkit(os.path.join(os.path.dirname(path), DEVKIT))
    files = index.name_texts()
    if len(files) != len(truth):
        raise ValueError(f"{path!r} holds {len(files)} images, but the devkit has {len(truth)} labels")
    keys = [f"{wnid}/{file}" for wnid, file in zip(truth, files, strict=True)]
    rows = np.array(sorted(range(len(keys)), key=keys.__getitem__))
    labels = np.searchsorted(wnids, truth)
    return _source(path, [keys[row] for row in rows], labels[rows], wnids, index, rows, remarks)


def _source(
    path: str,
    keys: list[str],
    labels: np.ndarray,
    classes: list[str],
    index: ArchiveIndex,
    rows: np.ndarray,
    remarks: list[Remark] | None = None,
) -> Source:
    root = f"{path}/"
    notes = [Remark(f"{path!r}: {text}") for text in index.notes.texts(_FINDINGS)]
    return FileRanges(
        [root + key for key in keys],
        labels,
        classes,
        root,
        files=OpenFiles([path], [index.state]),
        which=np.zeros(len(keys), np.int64),
        offsets=index.offsets[rows],
        sizes=index.sizes[rows],
        remarks=[*(remarks or []), *notes],
    )


def _nested(file: Input) -> ArchiveIndex:
    """The images in the tars inside a tar, sorted by class and name."""
    notes = Notes()
    tars: dict[str, Member] = {}
    for member in _members(file):
        found = re.fullmatch(r"(?:.*/)?(n\d{8})\.tar", member.name)
        if found and member.kind is Kind.FILE:
            if found[1] in tars:
                raise ValueError(
                    f"{file.path!r} holds two archives of one class, {tars[found[1]].name!r} and {member.name!r}: "
                    "download it again"
                )
            tars[found[1]] = member
        elif member.kind is not Kind.FOLDER:
            notes.add("left out", repr(member.name))
    if not tars:
        raise ValueError(f"{file.path!r} holds no archives of classes such as 'n01440764.tar'")
    names: list[str] = []
    rows: list[tuple[int, ...]] = []
    for label, wnid in enumerate(sorted(tars)):
        tar = tars[wnid]
        images = sorted(_images(file.path, _members(file, tar), notes))
        if not images:
            raise ValueError(
                f"{file.path!r}: {tar.name!r} holds no image; a class without images would take a label"
            )
        names += [f"{wnid}/{name}" for name, _, _ in images]
        rows += [(data, size, label) for _, data, size in images]
    return ArchiveIndex.of(names, rows, file.state, notes)


def _flat(file: Input) -> ArchiveIndex:
    """The images of a tar, sorted by name. Their labels are not in it."""
    notes = Notes()
    images = sorted(_images(file.path, _members(file), notes))
    rows = [(data, size, 0) for _, data, size in images]
    return ArchiveIndex.of([name for name, _, _ in images], rows, file.state, notes)


def _members(file: Input, inside: Member | None = None) -> list[Member]:
    """The members of the archive, or of a tar inside it."""
    first, stop = (0, file.size) if inside is None else (inside.data, inside.data + inside.size)
    with named(
        file, "an uncompressed tar" if inside is None else f"a tar that holds the tar {inside.name!r}"
    ):
        return list(members(file, stop, first))


def _images(path: str, found: list[Member], notes: Notes) -> Iterator[tuple[str, int, int]]:
    """(name, first byte, bytes) of every image; ValueError for two of one name."""
    seen: set[str] = set()
    for member in found:
        if member.kind is Kind.FILE and member.name.lower().endswith(IMAGE_EXTENSIONS):
            name = member.name.removeprefix("./")
            if name in seen:
                raise ValueError(f"{path!r} holds two images of the name {name!r}: download it again")
            seen.add(name)
            yield name, member.data, member.size
        elif member.kind is not Kind.FOLDER:
            notes.add("left out", repr(member.name))


def _devkit(path: str) -> tuple[list[str], list[str], list[Remark]]:
    """The WordNet ids of all classes, sorted; that of every validation image, in the order of their names; remarks."""
    try:
        from scipy.io import loadmat
    except ModuleNotFoundError:
        raise ImportError(
            f"{DEVKIT} is a MATLAB file, which SciPy reads: pip install 'dali-mixup[imagenet]'"
        ) from None
    if not os.path.exists(path):
        raise FileNotFoundError(f"{path!r} does not exist; it holds the classes of the validation images")
    remarks = []
    if _md5(path) != MD5[DEVKIT]:
        remarks.append(Remark(f"{path!r} is not the official devkit: its MD5 differs from {MD5[DEVKIT]}"))
    try:
        with tarfile.open(path) as tar:
            meta = loadmat(io.BytesIO(_extracted(tar, "data/meta.mat")), squeeze_me=True)["synsets"]
            truth = _extracted(tar, "data/ILSVRC2012_validation_ground_truth.txt").split()
        # Synsets with children are groups of classes.
        leaves = {int(row["ILSVRC2012_ID"]): str(row["WNID"]) for row in meta if row["num_children"] == 0}
        return sorted(leaves.values()), [leaves[int(number)] for number in truth], remarks
    except Exception as error:  # tar, its compression and MATLAB's format can be damaged in any way
        raise ValueError(
            f"{path!r} is not the devkit of ILSVRC 2012: {type(error).__name__}: {error}"
        ) from None


def _extracted(tar: tarfile.TarFile, name: str) -> bytes:
    for member in tar:
        if member.name.endswith(name) and member.isfile() and member.size <= _MOST_DEVKIT_FILE:
            file = tar.extractfile(member)
            assert file is not None, "it is a file"
            return file.read()
    raise ValueError(f"it has no {name}")


def _md5(path: str) -> str:
    regular_file(path)
    digest = hashlib.md5(usedforsecurity=False)
    with open(path, "rb") as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest()
