"""Miniatures of the official archives of ILSVRC 2012, of the same structure."""

from __future__ import annotations

import hashlib
import io
import tarfile
from pathlib import Path

import numpy as np
from scipy.io import savemat

from tests.bad_images import encoded
from tests.odd_images import picture
from tests.tars import write_tar

WNIDS = ("n02119789", "n01440764", "n02105855")
"""Of the classes, by ILSVRC2012_ID from 1: not in the order of the names."""

GROUP = "n00001740"
"""A synset with children, which is no class."""

TRUTH = (2, 1, 3, 3, 2)


def write_archives(folder: Path) -> dict[str, str]:
    """Write all three; returns their MD5."""
    write_train(folder / "ILSVRC2012_img_train.tar")
    write_val(folder / "ILSVRC2012_img_val.tar")
    write_devkit(folder / "ILSVRC2012_devkit_t12.tar.gz")
    return {path.name: hashlib.md5(path.read_bytes()).hexdigest() for path in folder.glob("ILSVRC2012_*")}


def write_train(path: Path) -> None:
    """A tar of tars; one image is a PNG named .JPEG and one is CMYK, as in the original."""
    inner = []
    for number, wnid in enumerate(WNIDS):
        images = []
        for i in (10026, 9, 2933):
            image = picture(40 + i % 7, 30, seed=number * 10 + i)
            format = "PNG" if (wnid, i) == ("n02105855", 2933) else "JPEG"
            images.append((f"{wnid}_{i}.JPEG", encoded(image.convert("CMYK") if i == 9 else image, format)))
        write_tar(path.with_name("inner.tar"), images, tarfile.GNU_FORMAT)
        inner.append((f"{wnid}.tar", path.with_name("inner.tar").read_bytes()))
    path.with_name("inner.tar").unlink()
    write_tar(path, inner, tarfile.GNU_FORMAT)


def write_val(path: Path) -> None:
    images = [
        (f"ILSVRC2012_val_{i:08d}.JPEG", encoded(picture(36, 30, seed=i), "JPEG"))
        for i in range(1, len(TRUTH) + 1)
    ]
    write_tar(path, reversed(images), tarfile.GNU_FORMAT)  # the order in the archive has no meaning


def write_devkit(path: Path) -> None:
    kinds = [("ILSVRC2012_ID", "O"), ("WNID", "O"), ("words", "O"), ("gloss", "O"), ("num_children", "O")]
    kinds += [("children", "O"), ("wordnet_height", "O"), ("num_train_images", "O")]
    rows = [
        (i + 1, wnid, f"{wnid}, a class", "gloss", 0, np.zeros((1, 0)), 0, 3) for i, wnid in enumerate(WNIDS)
    ]
    rows.append((4, GROUP, "entity", "gloss", 3, np.array([[1, 2, 3]]), 1, 0))
    meta = io.BytesIO()
    savemat(meta, {"synsets": np.array(rows, dtype=kinds).reshape(-1, 1)})
    data = "ILSVRC2012_devkit_t12/data"
    files = [
        (f"{data}/meta.mat", meta.getvalue()),
        (f"{data}/ILSVRC2012_validation_ground_truth.txt", b"".join(b"%d\n" % number for number in TRUTH)),
    ]
    with tarfile.open(path, "w:gz") as tar:
        for name, content in files:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
