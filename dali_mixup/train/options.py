"""The options of one training run, as opposed to the settings of its recipe."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dali_mixup._checks import boolean, choice, integer, number

AMP = ("auto", "off", "bf16", "fp16")
MOST_SEED = 2**63 - 1  # torch takes 64 bits, and the rank is added

_TEXTS = {
    "recipe": "a recipe's name or file",
    "data": "a path",
    "val_data": "a path or None",
    "output": "a path",
    "model": "the name of a timm model or None",
}
_ALWAYS = ("accumulate", "checkpoint_every", "log_every")
_LEAST = {
    **dict.fromkeys(_ALWAYS, 1),
    **dict.fromkeys(("epochs", "batch_size", "image_size", "num_classes", "num_threads", "max_steps"), 1),
    "read_ahead": 0,
}
"""The smallest value of each whole number; all but `_ALWAYS` may be None."""


@dataclass(frozen=True)
class TrainOptions:
    """The arguments of `dali-mixup train`; None leaves a choice to the recipe.

    Args:
        recipe: a recipe's name or file.
        data: a folder with `train` and `val` (or `validation`) in it; or with `val_data` the path of the training data,
            as for `train_loader`, or a folder whose only folders are `train` and other splits.
        val_data: validation data.
        output: folder for checkpoint.pt, metrics.csv and TensorBoard's files. The first process writes them; to resume,
            all must find the same checkpoint there, so several hosts share the folder.
        model: name of a timm model.
        epochs: length of the run; schedules stretch with it.
        batch_size: samples per process and forward pass; None: the recipe's batch divided among processes and
            `accumulate`.
        accumulate: forward passes per optimiser step.
        learning_rate: the largest; None: the recipe's, scaled linearly with the batch.
        image_size: pixels of training images; validation follows in the recipe's proportion.
        num_classes: refuse data with another number of classes.
        device: "auto", "cpu", "cuda" or "cuda:N".
        amp: "auto" (bf16 on GPUs that have it, fp16 on others, off on the CPU), "off", "bf16", "fp16".
        channels_last, compile: memory format of images and weights; torch.compile.
        seed: seed of weights, order, augmentation and mixing, below 2**63.
        num_threads, read_ahead: as in `Runtime`; None: the recipe's.
        checkpoint_every: optimiser steps between checkpoints.
        log_every: optimiser steps between reports of the loss.
        max_steps: end after that many optimiser steps of this call, leaving a checkpoint to resume from.
        resume: continue from output/checkpoint.pt if it exists.
        tensorboard: write TensorBoard files too.

    Raises:
        TypeError, ValueError: anything outside the above.
    """

    recipe: str | Path
    data: str | Path
    val_data: str | Path | None = None
    output: Path = Path("runs/train")
    model: str | None = None
    epochs: int | None = None
    batch_size: int | None = None
    accumulate: int = 1
    learning_rate: float | None = None
    image_size: int | None = None
    num_classes: int | None = None
    device: str = "auto"
    amp: str = "auto"
    channels_last: bool = False
    compile: bool = False
    seed: int = 0
    num_threads: int | None = None
    read_ahead: int | None = None
    checkpoint_every: int = 1000
    log_every: int = 20
    max_steps: int | None = None
    resume: bool = False
    tensorboard: bool = False

    def __post_init__(self) -> None:
        checked: dict[str, Any] = {}
        for name, expected in _TEXTS.items():
            _check_text(name, getattr(self, name), expected)
        for name in ("channels_last", "compile", "resume", "tensorboard"):
            checked[name] = boolean("train", name, getattr(self, name))
        for name, least in _LEAST.items():
            if getattr(self, name) is not None or name in _ALWAYS:
                checked[name] = integer("train", name, getattr(self, name), at_least=least)
        if self.learning_rate is not None:
            checked["learning_rate"] = number("train", "learning_rate", self.learning_rate, above=0)
        checked["seed"] = integer("train", "seed", self.seed, at_least=0, at_most=MOST_SEED)
        choice("train", "amp", self.amp, AMP)
        for name, value in checked.items():  # NumPy's numbers as Python's: a checkpoint holds no others
            object.__setattr__(self, name, value)

    @property
    def runtime(self) -> dict[str, Any]:
        """The fields of `Runtime` that replace the recipe's."""
        given = {"num_threads": self.num_threads, "read_ahead": self.read_ahead}
        return {name: value for name, value in given.items() if value is not None}


def _check_text(name: str, value: Any, expected: str) -> None:
    """Raise TypeError or ValueError unless it is a text or path that is not empty, or None where that is allowed."""
    if value is None and expected.endswith("None"):
        return
    if not isinstance(value, (str,) if name == "model" else (str, os.PathLike)):
        raise TypeError(f"train: {name}={value!r} is a {type(value).__name__}, expected {expected}")
    if not os.fspath(value):
        raise ValueError(f"train: {name}={value!r} is empty, expected {expected}")
