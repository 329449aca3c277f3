"""What a run works with, chosen from its options, its recipe and the machine."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from dali_mixup._epochs.ranks import Rank
from dali_mixup._graph.options import Runtime
from dali_mixup._loader.loader import MixLoader
from dali_mixup.recipes import Recipe
from dali_mixup.recipes.building import output_of
from dali_mixup.train.options import TrainOptions, find_data


def loaders(
    options: TrainOptions, recipe: Recipe, place: Rank, device: torch.device, batch: int
) -> tuple[MixLoader, MixLoader]:
    """Training and validation.

    Raises:
        FileNotFoundError, ValueError: data that are not there, or classes that differ.
    """
    train_data, val_data = find_data(options.data, options.val_data)
    common: dict[str, Any] = {
        "batch_size": batch,
        "device": device,
        "rank": place.rank,
        "world_size": place.world_size,
        "runtime": Runtime(num_threads=options.num_threads, read_ahead=options.read_ahead),
        "output": replace(output_of(recipe), channels_last=options.channels_last),
    }
    size, val_size = {}, {}
    if options.image_size is not None:
        size, val_size = (
            {"image_size": options.image_size},
            {"image_size": _val_size(options.image_size, recipe)},
        )
    train_loader = recipe.train_loader(train_data, seed=options.seed, **common, **size)
    val_loader = recipe.val_loader(val_data, **common, **val_size)
    _refuse_other_classes(train_loader, val_loader, options.num_classes)
    return train_loader, val_loader


def batch_size(options: TrainOptions, recipe: Recipe, world_size: int) -> int:
    """Samples a process and forward pass."""
    if options.batch_size is not None:
        return options.batch_size
    whole, parts = recipe.training.batch_size, world_size * options.accumulate
    if whole % parts:
        raise ValueError(
            f"train: the recipe's batch of {whole} does not divide among {world_size} processes x accumulate="
            f"{options.accumulate}; give batch_size, the samples per process and forward pass"
        )
    return whole // parts


def _val_size(train_size: int, recipe: Recipe) -> int:
    """Pixels of validation images that stand to `train_size` as the recipe's two sizes do."""
    return round(train_size * recipe.validation.image_size / recipe.train.last_size)


def precision(wanted: str, device: torch.device) -> torch.dtype | None:
    """The dtype of autocast; None: none."""
    if wanted == "auto":
        if device.type != "cuda":
            return None
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    if wanted == "fp16" and device.type != "cuda":
        raise ValueError("train: amp='fp16' needs a GPU; expected 'bf16' or 'off' on the CPU")
    return {"off": None, "bf16": torch.bfloat16, "fp16": torch.float16}[wanted]


def _refuse_other_classes(train_loader: MixLoader, val_loader: MixLoader, expected: int | None) -> None:
    ours, theirs = train_loader.classes, val_loader.classes
    if ours != theirs:
        missing, foreign = sorted({*ours} - {*theirs})[:3], sorted({*theirs} - {*ours})[:3]
        raise ValueError(
            f"train: {len(ours)} training classes and {len(theirs)} validation classes that differ: only in training "
            f"{missing}, only in validation {foreign} (first three each); labels are positions in the sorted "
            "names, so both need the same class folders"
        )
    if expected is not None and len(ours) != expected:
        raise ValueError(f"train: the data have {len(ours)} classes, num_classes={expected} was expected")
