"""The findings of a scan about the data as a whole. Nothing here reads a file of the data."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from importlib.resources import files

import numpy as np

from dali_mixup.check.findings import Finding
from dali_mixup.check.scan import Scan
from dali_mixup.sources.base import Source
from dali_mixup.sources.remarks import Remark

IMAGENET_IMAGES = {"training": 1_281_167, "validation": 50_000}
"""ILSVRC 2012 (Russakovsky et al. 2015, "ImageNet Large Scale Visual Recognition Challenge", table 2)."""


@dataclass(frozen=True)
class Report:
    """The judgement on a data set.

    Attributes:
        samples: number of samples.
        findings: those unfit for training.
        rotated: keys of the images that EXIF asks to turn. They are fit: neither torchvision nor this library
            turns them.
        damaged: keys of images that decode with a complaint about damaged data, to a partly wrong picture, and the
            complaint. Damage that the decoder does not notice is not listed here either.
        per_class: (num_classes,) int64, fit samples of each class; of images with masks, those in which it occurs.
        classes: their names; of masks that do not name them, the ids that occur.
        formats: samples of each image format.
        sizes: (n, 3) int64, width, height and bytes of the fit samples.
        same_name: file names that occur more than once, in any folders, with their keys; a hint at copies.
        imagenet: remarks if the classes look like ImageNet's, else none.
        remarks: remarks of the source itself, for example on a folder that is probably not a class.
        whole: whether these are all of the data; a part says nothing about classes without images.
    """

    samples: int
    findings: tuple[Finding, ...]
    rotated: tuple[str, ...]
    damaged: dict[str, str]
    per_class: np.ndarray
    classes: tuple[str, ...]
    formats: dict[str, int]
    sizes: np.ndarray
    same_name: dict[str, tuple[str, ...]]
    imagenet: tuple[str, ...]
    remarks: tuple[Remark, ...]
    whole: bool = True

    @classmethod
    def of(cls, source: Source, scan: Scan, *, whole: bool = True) -> Report:
        """The judgement on what a scan of a source has found; `whole`: whether the source is all of the data."""
        unfit = {finding.index for finding in scan.findings}
        fit = {i: header for i, header in enumerate(scan.headers) if header is not None and i not in unfit}
        counts, classes = _per_class(source, list(fit), scan.pixel_classes)
        return cls(
            samples=len(source),
            findings=scan.findings,
            rotated=tuple(source.key(i) for i, header in fit.items() if header.rotated),
            damaged={source.key(i): remark for i, remark in sorted(scan.damaged.items())},
            per_class=counts,
            classes=classes,
            formats=dict(Counter(header.format for header in scan.headers if header is not None)),
            sizes=np.array([(h.width, h.height, h.bytes) for h in fit.values()], np.int64).reshape(-1, 3),
            same_name=_same_names(source),
            imagenet=imagenet_remarks(source.classes, len(source)) if whole else (),
            remarks=source.remarks,
            whole=whole,
        )

    @property
    def fit(self) -> bool:
        """True if the data can be trained on as they are: no unfit file, no class without fit images, and no folder
        that is probably not meant as a class."""
        return not (self.findings or self.empty_classes or any(remark.unfit for remark in self.remarks))

    @property
    def empty_classes(self) -> tuple[str, ...]:
        """Classes without a fit image. Their labels would belong to no image."""
        if not self.whole:
            return ()
        return tuple(self.classes[label] for label in np.flatnonzero(self.per_class == 0))


def imagenet_remarks(classes: tuple[str, ...], samples: int) -> tuple[str, ...]:
    """A comparison with ImageNet-1k for class names that are WordNet ids; empty if any is not one.

    Only the sorted list of all 1000 gives every class the label that published models use for it.
    """
    if not all(re.fullmatch(r"n\d{8}", name) for name in classes):
        return ()
    known = imagenet_wnids()
    missing, foreign = sorted(set(known) - set(classes)), sorted(set(classes) - set(known))
    if foreign:
        return (f"{len(foreign)} of {len(classes)} WordNet ids are not of ImageNet-1k, such as {foreign[0]}",)
    if missing:
        return (
            f"{len(classes)} of the 1000 classes of ImageNet-1k; {missing[0]} is the first that is missing. "
            "Labels differ from those of models trained on all 1000",
        )
    order = (
        "" if classes == known else "; they are not in sorted order, so labels differ from published models'"
    )
    split = next((name for name, count in IMAGENET_IMAGES.items() if count == samples), None)
    known_counts = ", ".join(f"{count} in {name}" for name, count in IMAGENET_IMAGES.items())
    size = f"the size of its {split} set" if split else f"the original has {known_counts}"
    return (f"the 1000 classes of ImageNet-1k with {samples} files: {size}{order}",)


def imagenet_wnids() -> tuple[str, ...]:
    """The 1000 WordNet ids of ImageNet-1k in sorted order: place = label."""
    return tuple(files(__package__).joinpath("imagenet_wnids.txt").read_text(encoding="ascii").split())


def _per_class(
    source: Source, fit: list[int], pixel_classes: np.ndarray | None
) -> tuple[np.ndarray, tuple[str, ...]]:
    if pixel_classes is None:
        return np.bincount(source.labels[fit], minlength=source.num_classes), source.classes
    counts = pixel_classes[: source.num_classes]
    known = range(source.num_classes) if source.classes_named else np.flatnonzero(counts).tolist()
    return counts[list(known)], tuple(source.classes[label] for label in known)


def _same_names(source: Source) -> dict[str, tuple[str, ...]]:
    names = [source.key(index).rpartition("/")[2] for index in range(len(source))]
    repeated = {name for name, count in Counter(names).items() if count > 1}
    keys: dict[str, list[str]] = {name: [] for name in sorted(repeated)}
    for index, name in enumerate(names):
        if name in repeated:
            keys[name].append(source.key(index))
    return {name: tuple(found) for name, found in keys.items()}
