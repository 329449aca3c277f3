"""The network, the optimiser and the learning rate described by a recipe's `training` section."""

from __future__ import annotations

import math
from typing import Any

import timm
import timm.optim
import torch

from dali_mixup.recipes.errors import nearest
from dali_mixup.recipes.training import LearningRate, Training


def network(name: str, num_classes: int, image_size: int, drop_path: float) -> torch.nn.Module:
    """A timm model without pretrained weights; models with a fixed image size are built for this one.

    Raises:
        ValueError: timm has no model of that name.
    """
    if not timm.is_model(name):
        raise ValueError(
            f"train: timm {timm.__version__} has no model {name!r}{nearest(name, timm.list_models())}"
        )
    config = timm.models.get_pretrained_cfg(name)
    size: dict[str, Any] = {"img_size": image_size} if config is not None and config.fixed_input_size else {}
    stochastic: dict[str, Any] = {"drop_path_rate": drop_path} if drop_path else {}
    return timm.create_model(name, num_classes=num_classes, **size, **stochastic)


def optimizer(model: torch.nn.Module, training: Training) -> torch.optim.Optimizer:
    """The recipe's optimiser; its learning rate is set before every step."""
    said = training.optimizer
    extra: dict[str, Any] = {
        "betas": None if said.betas is None else tuple(said.betas),
        "eps": said.eps,
        "alpha": said.alpha,
        # timm's "sgd" uses Nesterov momentum unless told otherwise.
        "nesterov": said.nesterov if said.name in ("sgd", "sgdw") else None,
    }
    return timm.optim.create_optimizer_v2(  # type: ignore[attr-defined]
        model,
        opt=said.name,
        lr=training.learning_rate.base,
        weight_decay=training.weight_decay,
        momentum=0.0 if said.momentum is None else said.momentum,
        filter_bias_and_bn=not training.decay_biases_and_norms,
        **{key: value for key, value in extra.items() if value is not None},
    )


def learning_rate(said: LearningRate, epochs: int, position: float) -> float:
    """The rate at a position in epochs, which may be fractional.

    Linear from `warmup_start` to `base` over the warm-up; then over the rest, t from 0 to 1 at `decay_epochs`:
    final + (base - final) (1 + cos(pi t)) / 2, or base + t (final - base), or base gamma^(milestones passed).
    """
    if position < said.warmup_epochs:
        return said.warmup_start + (said.base - said.warmup_start) * position / said.warmup_epochs
    if said.decay == "constant":
        return said.base
    if said.decay == "step":
        return said.base * said.gamma ** sum(position >= milestone for milestone in said.milestones)
    end = said.decay_epochs or epochs
    t = min((position - said.warmup_epochs) / max(end - said.warmup_epochs, 1e-9), 1.0)
    if said.decay == "linear":
        return said.base + t * (said.final - said.base)
    return said.final + (said.base - said.final) * (1 + math.cos(math.pi * t)) / 2


def fitted(training: Training, epochs: int | None, batch: int, base: float | None) -> Training:
    """The section for another length, batch or rate: epochs of the schedule stretch in proportion, rates scale linearly
    with the batch (Goyal et al., arXiv 1706.02677), or to `base` if given."""
    said = training.learning_rate
    length = training.epochs if epochs is None else epochs
    stretch = length / training.epochs
    scale = batch / training.batch_size if base is None else base / said.base
    rate = said.model_copy(
        update={
            "base": said.base * scale,
            "final": said.final * scale,
            "warmup_start": said.warmup_start * scale,
            "warmup_epochs": said.warmup_epochs * stretch,
            "decay_epochs": None if said.decay_epochs is None else said.decay_epochs * stretch,
            "milestones": [milestone * stretch for milestone in said.milestones],
        }
    )
    return training.model_copy(update={"epochs": length, "batch_size": batch, "learning_rate": rate})
