"""The network, the optimiser and the learning rate described by a recipe's `training` section."""

from __future__ import annotations

import math
from typing import Any

import timm
import timm.optim
import torch

from dali_mixup.recipes.errors import nearest
from dali_mixup.recipes.training import LearningRate, Training


def network(
    name: str, num_classes: int, image_size: tuple[int, int], drop_path: float, channels: int = 3
) -> torch.nn.Module:
    """A timm model without pretrained weights, for images of so many channels; models with a fixed image size are built
    for this (height, width).

    Args:
        drop_path: rate of stochastic depth, in place of the model's own; 0 switches it off.

    Raises:
        ValueError: timm has no model of that name, or none for such images, or `drop_path` is of no use to it.
    """
    if not timm.is_model(name):
        raise ValueError(
            f"train: timm {timm.__version__} has no model {name!r}{nearest(name, timm.list_models())}"
        )
    config = timm.models.get_pretrained_cfg(name)
    height, width = image_size
    side = height if height == width else image_size
    size: dict[str, Any] = {"img_size": side} if config is not None and config.fixed_input_size else {}

    def built(**stochastic: Any) -> torch.nn.Module:
        return timm.create_model(name, num_classes=num_classes, in_chans=channels, **size, **stochastic)

    try:
        try:
            return built(drop_path_rate=drop_path)
        except TypeError as error:
            if "drop_path_rate" not in str(error):
                raise
        if not drop_path:
            return built()
    except (AssertionError, RuntimeError, ValueError) as error:
        raise ValueError(
            f"train: timm's model {name!r} cannot be built for {num_classes} classes and images of {height} x {width} "
            f"pixels with {channels} channels ({error}); choose another image_size, or another model"
        ) from error
    raise ValueError(
        f"train: model {name!r} has no stochastic depth, but the recipe has training.drop_path={drop_path:g}; set "
        "training.drop_path: 0.0 in a recipe that extends this one, or choose another model"
    )


def optimizer(model: torch.nn.Module, training: Training) -> torch.optim.Optimizer:
    """The recipe's optimiser; its learning rate is set before every step."""
    settings = training.optimizer
    extra: dict[str, Any] = {
        "betas": None if settings.betas is None else tuple(settings.betas),
        "eps": settings.eps,
        "alpha": settings.alpha,
        # timm's "sgd" uses Nesterov momentum unless told otherwise.
        "nesterov": settings.nesterov if settings.name in ("sgd", "sgdw") else None,
    }
    return timm.optim.create_optimizer_v2(  # type: ignore[attr-defined]
        model,
        opt=settings.name,
        lr=training.learning_rate.base,
        weight_decay=training.weight_decay,
        momentum=0.0 if settings.momentum is None else settings.momentum,
        filter_bias_and_bn=not training.decay_biases_and_norms,
        **{key: value for key, value in extra.items() if value is not None},
    )


def learning_rate(schedule: LearningRate, epochs: int, position: float) -> float:
    """The rate at a position in epochs, which may be fractional.

    Linear from `warmup_start` to `base` over the warm-up; then over the rest, t from 0 to 1 at `decay_epochs`:
    final + (base - final) (1 + cos(pi t)) / 2, or base + t (final - base), or base gamma^(milestones passed).
    """
    if position < schedule.warmup_epochs:
        return (
            schedule.warmup_start
            + (schedule.base - schedule.warmup_start) * position / schedule.warmup_epochs
        )
    if schedule.decay == "constant":
        return schedule.base
    if schedule.decay == "step":
        return schedule.base * schedule.gamma ** sum(
            position >= milestone for milestone in schedule.milestones
        )
    end = schedule.decay_epochs or epochs
    t = min((position - schedule.warmup_epochs) / max(end - schedule.warmup_epochs, 1e-9), 1.0)
    if schedule.decay == "linear":
        return schedule.base + t * (schedule.final - schedule.base)
    return schedule.final + (schedule.base - schedule.final) * (1 + math.cos(math.pi * t)) / 2


def group_of(batch: int, accumulate: int, batches: int) -> range:
    """The batches of an epoch whose gradients make one optimiser step with `batch`; the last group may be shorter."""
    start = batch - batch % accumulate
    return range(start, min(start + accumulate, batches))


def fitted(training: Training, epochs: int | None, batch: int, base: float | None) -> Training:
    """The section for another length, batch or rate: epochs of the schedule stretch in proportion, rates scale linearly
    with the batch (Goyal et al., arXiv 1706.02677), or to `base` if given."""
    schedule = training.learning_rate
    length = training.epochs if epochs is None else epochs
    stretch = length / training.epochs
    scale = batch / training.batch_size if base is None else base / schedule.base
    rate = schedule.model_copy(
        update={
            "base": schedule.base * scale,
            "final": schedule.final * scale,
            "warmup_start": schedule.warmup_start * scale,
            "warmup_epochs": schedule.warmup_epochs * stretch,
            "decay_epochs": None if schedule.decay_epochs is None else schedule.decay_epochs * stretch,
            "milestones": [milestone * stretch for milestone in schedule.milestones],
        }
    )
    return training.model_copy(update={"epochs": length, "batch_size": batch, "learning_rate": rate})
