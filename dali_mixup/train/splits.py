"""Where the training and the validation data of a run are."""

from __future__ import annotations

import logging
from pathlib import Path

from dali_mixup.sources.path_kinds import is_class_folders
from dali_mixup.sources.paths import home_expanded
from dali_mixup.sources.strays import SPLITS, is_litter

log = logging.getLogger("dali_mixup")


def find_data(data: str | Path, val_data: str | Path | None) -> tuple[str | Path, str | Path]:
    """(training data, validation data).

    Raises:
        FileNotFoundError: no such folder, or a folder without the two splits and no `val_data`.
    """
    root = Path(home_expanded(data))
    if val_data is not None:
        if not _has_a_training_split(root):
            return data, val_data
        log.info("train: the training data are %s", root / "train")
        return root / "train", val_data
    if not root.exists():
        raise FileNotFoundError(
            f"train: data={str(data)!r} does not exist; expected a folder with train and val in it"
        )
    for val in ("val", "validation"):
        if (root / "train").is_dir() and (root / val).is_dir():
            return root / "train", root / val
    found = sorted(entry.name for entry in root.iterdir())[:5] if root.is_dir() else ["a file"]
    raise FileNotFoundError(
        f"train: {str(data)!r} has no folders train and val (found {', '.join(found) or 'nothing'}); expected "
        "them, each with a folder per class, or the training data here and the validation data in val_data"
    )


def _has_a_training_split(root: Path) -> bool:
    """True if the folder `train` in `root` is a split, and not a class as in CIFAR-100, COCO and VOC."""
    train = root / "train"
    if not train.is_dir():
        return False
    if not is_class_folders(str(train)):  # packed, say, which no class is
        return True
    beside = [name for name in _folders(root) if not is_litter(name)]
    return bool(_folders(train)) and all(name.lower() in SPLITS for name in beside)


def _folders(folder: Path) -> list[str]:
    return [entry.name for entry in folder.iterdir() if entry.is_dir()]
