"""Hugging Face Trainer: batches as mappings from the model's argument names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from dali_mixup._loader.loader import MixLoader


class NamedBatches:
    """A loader whose batches are {"pixel_values": images, "labels": targets}, as the models of transformers expect.

    Args:
        loader: a train loader of dense targets, or a validation loader; its other attributes are available on
            this one, including `set_epoch`, which the Trainer calls.
    """

    def __init__(self, loader: MixLoader):
        self.loader = loader

    def __len__(self) -> int:
        return len(self.loader)

    def __iter__(self) -> Iterator[dict[str, torch.Tensor]]:
        for images, targets in self.loader:
            yield {"pixel_values": images, "labels": targets}

    def __getattr__(self, name: str) -> Any:
        return getattr(self.loader, name)
