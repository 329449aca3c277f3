"""The reference trainer: from a recipe, data and a timm model to a trained network. Start with `trainer.py`."""

from __future__ import annotations

try:
    import timm as _timm  # noqa: F401
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "the trainer takes networks and optimisers from timm, which is not installed; pip install 'dali-mixup[train]'"
    ) from error

from dali_mixup.train.options import TrainOptions
from dali_mixup.train.outcome import Outcome, TrainingError
from dali_mixup.train.processes import OtherRankFailed
from dali_mixup.train.trainer import prepared, train

__all__ = ["OtherRankFailed", "Outcome", "TrainOptions", "TrainingError", "prepared", "train"]
