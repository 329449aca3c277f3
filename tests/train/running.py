"""A run of the trainer for tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dali_mixup.train import Outcome, TrainOptions, train


def run(recipe: str, data: Path, output: Path, **options: Any) -> Outcome:
    return train(TrainOptions(recipe, data, output=output, device="cpu", num_threads=1, **options))
