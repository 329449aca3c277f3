"""What a loss asks of a batch: the images of the forward pass, and what their logits are compared with."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from dali_mixup.losses import JensenShannonCrossEntropy, RegMixupLoss


class Result(NamedTuple):
    """Of a batch of N rows: logits (N, C) of its images, as mixed, or of the clean view, and the loss ()."""

    logits: Tensor
    loss: Tensor


class Objective(Protocol):
    """A loss as a function of the loader's batches."""

    def images(self, batch: Any) -> Tensor:
        """The images that the network sees."""

    def __call__(self, logits: Tensor, batch: Any) -> Result:
        """The loss of their logits, in float32."""


class OfMixed:
    """The loss of the images that the loader mixed."""

    def __init__(self, loss: nn.Module):
        self.loss = loss

    def images(self, batch: Any) -> Tensor:
        return batch[0]

    def __call__(self, logits: Tensor, batch: Any) -> Result:
        return Result(logits, self.loss(logits, batch[1]))


class OfCleanAndMixed:
    """RegMixup's loss: clean images first, then the mixed ones, in one forward pass."""

    def __init__(self, loss: RegMixupLoss):
        self.loss = loss

    def images(self, batch: Any) -> Tensor:
        images, _, record = batch
        return torch.cat([record.clean, images])

    def __call__(self, logits: Tensor, batch: Any) -> Result:
        _, targets, record = batch
        labels = record.labels.to(logits.device, non_blocking=True)
        return Result(logits.chunk(2)[1], self.loss(logits, labels, targets))


class OfViews:
    """AugMix's loss: all views of the batch in one forward pass, the clean images first."""

    def __init__(self, loss: JensenShannonCrossEntropy):
        self.loss = loss

    def images(self, batch: Any) -> Tensor:
        return torch.cat(batch[0])

    def __call__(self, logits: Tensor, batch: Any) -> Result:
        return Result(logits.chunk(self.loss.num_splits)[0], self.loss(logits, batch[1]))


def objective(loss: nn.Module) -> Objective:
    """The objective of a recipe's loss."""
    if isinstance(loss, JensenShannonCrossEntropy):
        return OfViews(loss)
    return OfCleanAndMixed(loss) if isinstance(loss, RegMixupLoss) else OfMixed(loss)
