"""The data, sizes and dtypes of a run, from its options, its recipe and the machine."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from dali_mixup._epochs.ranks import Rank
from dali_mixup._loader.loader import MixLoader
from dali_mixup.augment.sizes import ImageSize, SizeSchedule, size_of
from dali_mixup.recipes import Recipe
from dali_mixup.train.options import TrainOptions
from dali_mixup.train.splits import find_data
from dali_mixup.train.stretching import stretched_policy, stretched_size


def refuse_other_steps(name: str, recipe: Recipe) -> None:
    """Raise ValueError for a recipe, called `name`, whose training step is another than this trainer's."""
    if recipe.loss_.name == "in-example":
        raise ValueError(
            f"train: the loss of recipe {name} is not one of this trainer's; {recipe.loss_.example} has it and trains "
            "with the recipe's loader"
        )
    if recipe.latent is not None:
        raise ValueError(
            f"train: recipe {name} needs {recipe.latent.module} inside the training step, which this "
            "trainer does not support. Use the recipe's loaders and its latent_module() in your own loop"
        )
    if recipe.unlabelled_ is not None or (recipe.views is not None and recipe.loss_.name != "jensen-shannon"):
        part = "views" if recipe.unlabelled_ is None else "unlabelled samples"
        raise ValueError(
            f"train: recipe {name} has {part}, of which loss.name={recipe.loss_.name!r} makes no use. Use the recipe's "
            "loaders in your own loop, or loss.name: jensen-shannon"
        )


def loaders(
    options: TrainOptions, recipe: Recipe, process: Rank, device: torch.device, batch: int
) -> tuple[MixLoader, MixLoader]:
    """Training and validation.

    Raises:
        FileNotFoundError, ValueError: data that are not there, too few for a step, or validation classes that training
            does not have.
    """
    train_data, val_data = find_data(options.data, options.val_data)
    common: dict[str, Any] = {
        "batch_size": batch,
        "device": device,
        "rank": process.rank,
        "world_size": process.world_size,
        "runtime": replace(recipe.runtime, **options.runtime),
        "output": replace(recipe.output, channels_last=channels_last(options, recipe)),
    }
    stretch = (options.epochs or recipe.training.epochs) / recipe.training.epochs
    image_size: ImageSize | None = options.image_size
    if image_size is None and isinstance(recipe.transform.image_size, SizeSchedule):
        image_size = stretched_size(recipe.transform.image_size, stretch)
    policy = None if recipe.policy is None else stretched_policy(recipe.policy, stretch)
    train_loader = recipe.train_loader(
        train_data, seed=options.seed, policy=policy, image_size=image_size, **common
    )
    _refuse_another_number(train_loader, options.num_classes)
    _refuse_long_groups(options.accumulate, train_loader)
    val_loader = recipe.val_loader(
        val_data, image_size=_val_size(options.image_size, recipe), classes=train_loader, **common
    )
    return train_loader, val_loader


def channels_last(options: TrainOptions, recipe: Recipe) -> bool:
    """The memory format of images and weights."""
    return options.channels_last or recipe.output.channels_last


def batch_size(options: TrainOptions, recipe: Recipe, world_size: int) -> int:
    """Samples per process and forward pass."""
    if options.batch_size is not None:
        return options.batch_size
    whole, parts = recipe.training.batch_size, world_size * options.accumulate
    if whole % parts:
        raise ValueError(
            f"train: the recipe's batch of {whole} does not divide among {world_size} processes x accumulate="
            f"{options.accumulate}; give batch_size, the samples per process and forward pass"
        )
    return whole // parts


def _val_size(train_size: int | None, recipe: Recipe) -> int | None:
    """Pixels of validation images, in the recipe's proportion to `train_size`; None: the recipe's."""
    if train_size is None:
        return None
    return round(train_size * max(recipe.validation.transform.size) / _last_side(recipe.transform.image_size))


def _last_side(image_size: ImageSize) -> float:
    """Pixels of the longer side at the end of training, or the largest of all."""
    return image_size.knots[-1][1] if isinstance(image_size, SizeSchedule) else max(size_of(image_size))


def precision(wanted: str, device: torch.device, loaders: tuple[MixLoader, MixLoader]) -> torch.dtype | None:
    """The dtype of autocast for the images of the loaders; None: no autocast.

    Raises:
        ValueError: fp16 on the CPU, or images of half precision without autocast, which alone casts them.
    """
    if wanted == "fp16" and device.type != "cuda":
        raise ValueError("train: amp='fp16' needs a GPU; expected 'bf16' or 'off' on the CPU")
    if wanted == "auto" and device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
    chosen = {"auto": None, "off": None, "bf16": torch.bfloat16, "fp16": torch.float16}[wanted]
    half = {view.dtype for loader in loaders for view in loader.spec.pipeline.views} - {"float32"}
    if chosen is None and half:
        dtypes = " and ".join(sorted(half))
        raise ValueError(
            f"train: the images are {dtypes} (output.dtype), and with amp={wanted!r} on {device.type} the weights "
            "are float32; give amp='bf16', or output.dtype: float32 in a recipe that extends this one"
        )
    return chosen


def _refuse_another_number(train_loader: MixLoader, expected: int | None) -> None:
    count = len(train_loader.classes)
    if expected is not None and count != expected:
        raise ValueError(f"train: the data have {count} classes, expected num_classes={expected}")


def _refuse_long_groups(accumulate: int, train_loader: MixLoader) -> None:
    """Raise ValueError where the batch for which the learning rate is scaled never occurs."""
    batches = len(train_loader)
    if accumulate > batches:
        raise ValueError(
            f"train: a step of accumulate={accumulate} batches is longer than an epoch, which has {batches}, so the "
            f"batch for which the learning rate is scaled would not occur; give accumulate <= {batches}"
        )
