"""Folders and files in an image folder that are probably not meant as classes and images.

torchvision's rule makes each of them a class or a sample. `image_folder` does the same, but reports it.
"""

from __future__ import annotations

from collections.abc import Sequence

from dali_mixup.sources.classes import few
from dali_mixup.sources.remarks import Remark

SPLITS = frozenset({"train", "training", "val", "valid", "validation", "dev", "test", "testing", "eval"})

LITTER = frozenset(
    {
        "__macosx",
        "__pycache__",
        "@eadir",
        "#recycle",
        "$recycle.bin",
        "system volume information",
        "lost+found",
    }
)
"""Left behind by macOS, Python, Synology, Windows and ext4, in lower case. Names with a leading dot count too."""


def is_litter(name: str) -> bool:
    """True if a folder of this name is probably not a class, nor a file in it an image."""
    return name.startswith(".") or name.lower() in LITTER


def class_remarks(
    root: str, classes: Sequence[str], direct: Sequence[bool], below: str = "{root}/{folder}"
) -> list[Remark]:
    """Remarks on the folders that became classes.

    Args:
        root: the folder that contains them, for the message.
        classes: their names.
        direct: for each, whether it holds images itself, not only in folders below it.
        below: how users name a folder below this one.
    """
    remarks = []
    litter = [name for name in classes if is_litter(name)]
    if litter:
        remarks.append(
            Remark(
                f"{root!r}: folders that became classes but are probably not: {few(litter)}. Labels are those of "
                "torchvision, which counts these folders too; remove them if they are unintended",
                unfit=True,
            )
        )
    splits = [name for name in classes if name.lower() in SPLITS]
    flat = [name for name, has in zip(classes, direct, strict=True) if has and name in splits]
    # With one class there is nothing to learn: the folders below are the classes. Splits are recognised by their names.
    alone = len(classes) == 1 and not any(direct)
    if alone or len(splits) > 1 or len(flat) < len(splits):
        remarks.append(
            Remark(
                f"{root!r}: the classes are {few(classes)}. Is this folder one level too high? Expected "
                f"{root}/<class>/<image>; then give {below.format(root=root, folder=(splits or classes)[0])}",
                unfit=True,
            )
        )
    return remarks


def file_remarks(root: str, keys: Sequence[str]) -> list[Remark]:
    """Remarks on samples that lie in such folders inside a class, or that accompany other files.

    Args:
        root: the folder, for the message.
        keys: paths of the samples below it.
    """
    suspects = [
        key for key in keys if "/." in key or "/_" in key or "/@" in key or "/#" in key or "/$" in key
    ]
    hidden = [key for key in suspects if any(map(is_litter, key.split("/")[1:-1]))]
    companions = [key for key in suspects if key.rpartition("/")[2].startswith("._")]
    remarks = []
    if hidden:
        remarks.append(
            Remark(
                f"{root!r}: images in hidden folders inside classes: {len(hidden)}, such as {hidden[0]!r}. They are "
                "samples anyway, as in torchvision; remove these folders if they are unintended",
                unfit=True,
            )
        )
    if companions:
        remarks.append(
            Remark(
                f"{root!r}: files named as macOS names its companion files: {len(companions)}, such as "
                f"{companions[0]!r}. They are samples anyway, as in torchvision; remove those that are not images"
            )
        )
    return remarks
