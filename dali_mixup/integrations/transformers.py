"""Hugging Face Trainer: batches as mappings from the model's argument names."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from dali_mixup._loader.loader import MixLoader
from dali_mixup.integrations._adapter import Adapter


class NamedBatches(Adapter):
    """A loader whose batches are {"pixel_values": images, "labels": targets}, as the models of transformers expect.

    Args:
        loader: a train loader of dense targets, or a validation loader; its other attributes are available on
            this one, including `set_epoch`, which the Trainer calls.

    Raises:
        TypeError: `loader` is not a loader of this package.
        ValueError: its batches are not (images, dense targets).
    """

    def __init__(self, loader: MixLoader):
        super().__init__(loader)
        spec = loader.spec
        others = (
            ("handover=", "a third part of every batch", spec.records),
            ("views=", "tuples of images", spec.several_views),
            ("targets='compact'", "targets that are not tensors", spec.targets == "compact"),
        )
        for option, given, there in others:
            if there:
                raise ValueError(
                    f"NamedBatches: the loader has {option}, which gives {given}; expected batches of images and dense "
                    f"targets: leave {option} out, or make the mapping in a loop of your own"
                )

    def __iter__(self) -> Iterator[dict[str, torch.Tensor]]:
        for images, targets in self.loader:
            yield {"pixel_values": images, "labels": targets}
