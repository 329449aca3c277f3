"""The reference trainer: a recipe, data and a timm model in, a trained network out. Start with `trainer.py`."""

from __future__ import annotations

from .options import TrainOptions
from .trainer import Outcome, TrainingError, prepared, train

__all__ = ["Outcome", "TrainOptions", "TrainingError", "prepared", "train"]
