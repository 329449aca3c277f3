"""A check that a contender does the work, by its results on images that reveal their processing.

Three questions, on images of `calibration`: is the crop drawn by torchvision's law, every sample taken once (ramps)?
Are the pixels those of Pillow when the crop is the whole image (scenes)? Do targets name the classes that were mixed
into the pixels, for any method (colours)?
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from scipy import stats
from torchvision.transforms import v2

from dali_mixup._graph.pixel_scale import IMAGENET_MEAN, IMAGENET_STD
from dali_mixup.bench.calibration import (
    COLOURS,
    HEIGHT,
    RAMPS,
    WIDTH,
    blue_of,
    colours,
    palette,
    ramps,
    scenes,
)
from dali_mixup.bench.contenders import Batch, Contender
from dali_mixup.bench.work import Samples, Work

BATCH = 8
CROP_EPOCHS = 10
MIX_EPOCHS = 8  # of two batches: that they are all MixUp or all CutMix has probability 2 ** -15
EDGE = 40.0  # levels between a row's brightest and darkest pixel: CutMix of two colours has more, MixUp noise
PIXELS = 2.0  # largest mean difference from Pillow in levels of 255; resizing without antialiasing is off by 8 here
COLOUR = 3.0  # largest difference in levels between a row's mean colour and the one its targets name
CHANCE = (
    1e-4  # probability with which each of the three laws of a faithful contender would be called different
)


@dataclass(frozen=True)
class Facts:
    """Observations of a contender. Differences are in levels of 255; `None` for what it does not do.

    Attributes:
        shape, dtype, contiguous, device: properties of the images.
        target_shape, target_dtype: properties of the targets.
        batches, samples: of one epoch; samples are the different ones seen.
        right_labels: every target named the image that came with it.
        area_p, ratio_p: p-values of the crop's area and of its width / height against torchvision's draws.
        flips_p: p-value of the number of flips.
        pixels: mean difference from Pillow's resize of the whole image.
        row_sums: largest difference of a target row's sum from 1.
        named: largest number of classes in a row.
        colour: largest difference between the pixels' mean and the colours that the targets name.
        blended, pasted: batches that MixUp and that CutMix made.
    """

    shape: tuple[int, ...]
    dtype: str
    contiguous: bool
    device: str
    target_shape: tuple[int, ...]
    target_dtype: str
    batches: int
    samples: int
    right_labels: bool
    area_p: float
    ratio_p: float
    flips_p: float
    pixels: float
    row_sums: float | None = None
    named: int | None = None
    colour: float | None = None
    blended: int | None = None
    pasted: int | None = None


def faults(facts: Facts, work: Work) -> list[str]:
    """The deviations from the work, in words; none if the work is equal."""
    size = (BATCH, 3, work.image_size, work.image_size)
    found = []
    expected = {
        "shape": size,
        "dtype": "torch.float32",
        "contiguous": True,
        "device": work.device,
        "target_shape": (BATCH, max(RAMPS, work.classes)) if work.mixed else (BATCH,),
        "target_dtype": "torch.float32" if work.mixed else "torch.int64",
        "batches": RAMPS // BATCH,
        "samples": RAMPS,
        "right_labels": True,
    }
    for name, wanted in expected.items():
        got = getattr(facts, name)
        if got != wanted:
            found.append(f"{name} is {got}, expected {wanted}")
    for name in ("area_p", "ratio_p", "flips_p"):
        if getattr(facts, name) < CHANCE:
            found.append(f"the law of crop or flip differs: {name} = {getattr(facts, name):.1e}")
    if facts.pixels > PIXELS:
        found.append(
            f"pixels differ from Pillow's by {facts.pixels:.1f} levels on average, at most {PIXELS:g} allowed"
        )
    return found + (_mixing_faults(facts) if work.mixed else [])


def _mixing_faults(facts: Facts) -> list[str]:
    found = []
    if facts.row_sums is None or facts.row_sums > 1e-5:
        found.append(f"rows of the targets differ from a sum of 1 by up to {facts.row_sums}")
    if facts.named is None or facts.named > 2:
        found.append(f"{facts.named} classes in one row, expected at most 2")
    if facts.colour is None or facts.colour > COLOUR:
        found.append(f"targets and pixels disagree by {facts.colour} levels, at most {COLOUR:g} allowed")
    if not facts.blended or not facts.pasted:
        blended, pasted = facts.blended or 0, facts.pasted or 0
        found.append(f"{blended} batches of MixUp and {pasted} of CutMix, expected some of both")
    return found


def examine(contender: Contender, work: Work, folder: Path) -> Facts:
    """Observe the contender at work on calibration images, which are written to `folder`.

    There, batches are of 8 and classes are the calibration images', for any work; everything else is the work's. Crops
    and pixels are observed with mixing off, when every image shows them by itself.
    """
    plain = replace(work, batch_size=BATCH, classes=max(RAMPS, work.classes), mixed=False)
    whole = replace(plain, scale=(1.0, 1.0), ratio=(WIDTH / HEIGHT, WIDTH / HEIGHT), hflip=0.0)
    found = _crops(contender, plain, ramps(folder / "ramps"))
    found["pixels"] = _difference(contender, whole, scenes(folder / "scenes"))
    if contender.role == "contender":
        found |= _mixtures(contender, replace(plain, mixed=True), colours(folder / "colours"))
    return Facts(**found)


def _epochs(contender: Contender, work: Work, samples: Samples, epochs: int) -> Iterator[list[Batch]]:
    loader = contender.build(samples, work)
    for _ in range(epochs):
        yield list(loader.epoch())
    loader.close()


def _crops(contender: Contender, work: Work, samples: Samples) -> dict[str, Any]:
    seen = list(_epochs(contender, work, samples, CROP_EPOCHS))
    pixels = np.concatenate([_levels(images) for epoch in seen for images, _ in epoch])
    labels = np.concatenate([targets.cpu().numpy() for epoch in seen for _, targets in epoch])
    across = (
        _slope(pixels[:, 0].mean(axis=1)) * work.image_size / 255
    )  # share of the width, < 0 where flipped
    down = _slope(pixels[:, 1].mean(axis=2)) * work.image_size / 255
    which = np.abs(pixels[:, 2].mean(axis=(1, 2))[:, None] - [blue_of(i) for i in range(RAMPS)]).argmin(
        axis=1
    )
    areas, ratios = _law(work)
    images, targets = seen[0][0]
    return {
        "shape": tuple(images.shape),
        "dtype": str(images.dtype),
        "contiguous": images.is_contiguous(),
        "device": images.device.type,
        "target_shape": tuple(targets.shape),
        "target_dtype": str(targets.dtype),
        "batches": len(seen[0]),
        "samples": len(set(which[:RAMPS])),
        "right_labels": bool((which == labels).all()),
        "area_p": float(stats.ks_2samp(np.abs(across * down), areas).pvalue),
        "ratio_p": float(stats.ks_2samp(np.abs(across / down) * WIDTH / HEIGHT, ratios).pvalue),
        "flips_p": float(stats.binomtest(int((across < 0).sum()), len(across), work.hflip).pvalue),
    }


def _difference(contender: Contender, work: Work, samples: Samples) -> float:
    """Mean absolute difference from Pillow's antialiased bilinear resize."""
    (epoch,) = _epochs(contender, work, samples, 1)
    size = (work.image_size, work.image_size)
    differences = []
    for images, labels in epoch:
        for pixels, label in zip(_levels(images), labels.tolist(), strict=True):
            with Image.open(samples[label][0]) as image:
                wanted = np.asarray(image.convert("RGB").resize(size, Image.Resampling.BILINEAR), np.float64)
            differences.append(np.abs(pixels - wanted.transpose(2, 0, 1)).mean())
    return float(np.mean(differences))


def _mixtures(contender: Contender, work: Work, samples: Samples) -> dict[str, Any]:
    sums, named, colour, blended, pasted = 0.0, 0, 0.0, 0, 0
    for epoch in _epochs(contender, work, samples, MIX_EPOCHS):
        for images, targets in epoch:
            if targets.ndim != 2:  # nothing was mixed, as the shape shows
                return {"target_shape": tuple(targets.shape), "target_dtype": str(targets.dtype)}
            pixels, weights = _levels(images), targets.double().cpu().numpy()
            sums = max(sums, float(np.abs(weights.sum(axis=1) - 1).max()))
            named = max(named, int((weights > 1e-6).sum(axis=1).max()))
            wanted = weights[:, :COLOURS] @ palette()
            colour = max(colour, float(np.abs(pixels.mean(axis=(2, 3)) - wanted).max()))
            if (weights > 1e-6).sum() > len(weights):
                edges = np.ptp(pixels, axis=(2, 3)).max() > EDGE
                pasted, blended = pasted + edges, blended + (not edges)
    form = {"target_shape": tuple(targets.shape), "target_dtype": str(targets.dtype)}
    return form | {
        "row_sums": sums,
        "named": named,
        "colour": colour,
        "blended": int(blended),
        "pasted": int(pasted),
    }


def _levels(images: torch.Tensor) -> np.ndarray:
    """The pixels before normalisation, (N, 3, H, W) float64 in [0, 255]."""
    mean, std = (np.array(channel).reshape(1, 3, 1, 1) for channel in (IMAGENET_MEAN, IMAGENET_STD))
    return images.double().cpu().numpy() * std + mean


def _slope(profiles: np.ndarray) -> np.ndarray:
    """(N,) least-squares slopes of (N, L) profiles, in levels per pixel."""
    x = np.arange(profiles.shape[1]) - (profiles.shape[1] - 1) / 2
    return profiles @ x / (x @ x)


def _law(work: Work, draws: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    """Shares of the area and width / height as torchvision draws them for a calibration image."""
    crop = v2.RandomResizedCrop(work.image_size, work.scale, work.ratio)
    empty = [torch.empty(3, HEIGHT, WIDTH, device="meta")]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        boxes = [crop.make_params(empty) for _ in range(draws)]
    sizes = np.array([(box["height"], box["width"]) for box in boxes], dtype=np.float64)
    return sizes.prod(axis=1) / (HEIGHT * WIDTH), sizes[:, 1] / sizes[:, 0]
