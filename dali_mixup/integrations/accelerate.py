"""Hugging Face Accelerate: `prepare` ignores loaders that are not torch DataLoaders, so it misses the end of an
epoch."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

try:
    from accelerate.state import GradientState
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "AccelerateLoader needs accelerate, which is not installed; pip install accelerate", name=error.name
    ) from error

from dali_mixup._loader.loader import MixLoader
from dali_mixup.integrations._adapter import Adapter


class AccelerateLoader(Adapter):
    """A loader that tells Accelerate when its last batch is out, so that the last, shorter window of accumulated
    gradients is applied; `gather_for_metrics` then removes nothing, because no sample is repeated.

    Args:
        loader: a train or validation loader; its other attributes are available on this one.

    Example:
        >>> batches = AccelerateLoader(train_loader(...))                       # doctest: +SKIP
        >>> accelerator.register_for_checkpointing(batches)                     # doctest: +SKIP
    """

    remainder = 0  # rows that Accelerate would have to remove from the last batch: none
    end_of_dataloader = False

    def __init__(self, loader: MixLoader):
        super().__init__(loader)
        self.gradient_state = GradientState()

    def __iter__(self) -> Iterator[Any]:
        self.end_of_dataloader = False
        self.gradient_state._add_dataloader(self)
        try:
            for batch in self.loader:
                self.end_of_dataloader = not self.loader.mid_epoch
                yield batch
        finally:
            self.end_of_dataloader = False
            self.gradient_state._remove_dataloader(self)

    def state_dict(self) -> dict[str, Any]:
        """The state of the loader, as `MixLoader.state_dict` gives it."""
        return self.loader.state_dict()

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Continue from a state of the loader, see `MixLoader.load_state_dict`."""
        self.loader.load_state_dict(state_dict)
