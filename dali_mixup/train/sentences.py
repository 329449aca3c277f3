"""What a run says of itself: its parts before it begins, and each epoch."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from dali_mixup._loader.loader import MixLoader
from dali_mixup.recipes.training import Training


def of_run(
    training: Training, train: MixLoader, val: MixLoader, devices: str, amp: torch.dtype | None
) -> str:
    """The data, the length and the settings.

    Args:
        devices: such as "8 x cuda".
        amp: the dtype of automatic mixed precision; None: off.
    """
    precision = "off" if amp is None else str(amp).removeprefix("torch.")
    return (
        f"{len(train.dataset)} training and {len(val.dataset)} validation images of {train.num_classes} classes, "
        f"{training.epochs} epochs, batch {training.batch_size}, {training.optimizer.name} with learning rate "
        f"{training.learning_rate.base:.3g}, on {devices}, amp {precision}"
    )


def of_epoch(epoch: int, line: Mapping[str, float], images_per_second: float, stall_share: float) -> str:
    """The result of an epoch, from its line of metrics.csv."""
    ema = f" (EMA {line['ema_top1']:.2f})" if "ema_top1" in line else ""
    return (
        f"epoch {epoch}: loss {line['train_loss']:.4f}, val top-1 {line['val_top1']:.2f}{ema}, top-5 "
        f"{line['val_top5']:.2f}, {images_per_second:.0f} img/s, {stall_share:.0%} waiting for the loader"
    )
