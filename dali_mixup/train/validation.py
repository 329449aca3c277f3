"""One pass over the validation images."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import torch
from torch import nn
from torch.nn import functional as F

from dali_mixup._loader.loader import MixLoader
from dali_mixup.train.meters import Meter


@torch.no_grad()
def validated(
    model: nn.Module,
    loader: MixLoader,
    device: torch.device,
    autocast: Callable[[], AbstractContextManager[None]],
    flip_average: bool,
) -> dict[str, float]:
    """Cross-entropy, top1 and top5 in percent over the images of all processes; the model's mode is restored.

    Args:
        flip_average: average the logits of each image and its mirror image.
    """
    training, meter = model.training, Meter(device)
    model.eval()
    for images, labels in loader:
        with autocast():
            logits = model(images)
            if flip_average:
                logits = (logits + model(images.flip(3))) / 2
        meter.update(logits, F.cross_entropy(logits.float(), labels), labels)
    model.train(training)
    return meter.report()
