"""The options of one training run, as opposed to the settings of its recipe."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dali_mixup._checks import choice, integer, number
from dali_mixup.sources.paths import home_expanded

AMP = ("auto", "off", "bf16", "fp16")


@dataclass(frozen=True)
class TrainOptions:
    """The arguments of `dali-mixup train`; None leaves a choice to the recipe.

    Args:
        recipe: a recipe's name or file.
        data: a folder with `train` and `val` (or `validation`) in it; or the training data, as for `train_loader`,
            with `val_data`.
        val_data: validation data.
        output: folder for checkpoint.pt, metrics.csv and TensorBoard's files.
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
        seed: seed of weights, order, augmentation and mixing.
        num_threads, read_ahead: as in `Runtime`; None: the recipe's.
        checkpoint_every: optimiser steps between checkpoints.
        log_every: optimiser steps between reports of the loss.
        max_steps: end after that many optimiser steps of this call, leaving a checkpoint to resume from.
        resume: continue from output/checkpoint.pt if it exists.
        tensorboard: write TensorBoard files too.

    Raises:
        TypeError, ValueError: anything outside the above.
    """

    recipe: str
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
        for name in ("accumulate", "checkpoint_every", "log_every"):
            integer("train", name, getattr(self, name), at_least=1)
        for name in ("epochs", "batch_size", "image_size", "num_classes", "num_threads", "max_steps"):
            if getattr(self, name) is not None:
                integer("train", name, getattr(self, name), at_least=1)
        if self.learning_rate is not None:
            number("train", "learning_rate", self.learning_rate, above=0)
        integer("train", "seed", self.seed, at_least=0)
        if self.read_ahead is not None:
            integer("train", "read_ahead", self.read_ahead, at_least=0)
        choice("train", "amp", self.amp, AMP)

    @property
    def runtime(self) -> dict[str, Any]:
        """The fields of `Runtime` that replace the recipe's."""
        given = {"num_threads": self.num_threads, "read_ahead": self.read_ahead}
        return {name: value for name, value in given.items() if value is not None}


def find_data(data: str | Path, val_data: str | Path | None) -> tuple[str | Path, str | Path]:
    """(training data, validation data).

    Raises:
        FileNotFoundError: no such folder, or a folder without the two splits and no `val_data`.
    """
    root = Path(home_expanded(data))
    if val_data is not None:
        return (root / "train" if (root / "train").is_dir() else data), val_data
    if not root.exists():
        raise FileNotFoundError(
            f"train: data={str(data)!r} does not exist; expected a folder with train and val in it"
        )
    for val in ("val", "validation"):
        if (root / "train").is_dir() and (root / val).is_dir():
            return root / "train", root / val
    found = sorted(entry.name for entry in root.iterdir())[:5] if root.is_dir() else ["a file"]
    raise FileNotFoundError(
        f"train: {str(data)!r} has no folders train and val (found {', '.join(found) or 'nothing'}); expected "
        "them, each with a folder per class, or the training data here and the validation data in val_data"
    )
