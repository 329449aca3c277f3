"""Hugging Face Trainer: batches as mappings from the model's argument names."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from dali_mixup.integrations._adapter import Adapter


class NamedBatches(Adapter):
    """A loader whose batches are {"pixel_values": images, "labels": targets}, as the models of transformers expect.

    Args:
        loader: a train loader of dense targets, or a validation loader; its other attributes are available on
            this one, including `set_epoch`, which the Trainer calls.
    """

    def __iter__(self) -> Iterator[dict[str, torch.Tensor]]:
        for images, targets in self.loader:
            yield {"pixel_values": images, "labels": targets}
