"""What a checkpoint must share with the run that continues it."""

from __future__ import annotations

from typing import Any

import torch

from dali_mixup._loader.loader import MixLoader
from dali_mixup.recipes import Recipe, flat
from dali_mixup.recipes.training import Training
from dali_mixup.train.options import TrainOptions


def identity(
    options: TrainOptions,
    recipe: Recipe,
    training: Training,
    loaders: tuple[MixLoader, MixLoader],
    amp: torch.dtype | None,
) -> dict[str, Any]:
    """The values by name; the training loader's state checks its data, seed and transform by itself.

    Args:
        training: the recipe's section, fitted to this run.
        loaders: of training and of validation.
    """
    train, val = loaders
    sections = {"training": training, "loss": recipe.loss_, "validation": recipe.validation}
    return {
        "recipe": recipe.title,
        "model": options.model or recipe.source.model,
        "classes": train.num_classes,
        "image_size": list(train.image_size),
        "channels": len(train.mean),
        "processes": train.spec.rank.world_size,
        "batch_size": train.batch_size,
        "accumulate": options.accumulate,
        "amp": str(amp),
        "seed": options.seed,
        **{f"{name}.{key}": value for name, part in sections.items() for key, value in flat(part).items()},
        "validation.image_size": list(val.image_size),
        "validation.samples": len(val.dataset),
        "validation.data": val.spec.fingerprint["data"][:16],
        "validation.labels": val.spec.fingerprint["labels"],
    }
