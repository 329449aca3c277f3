"""What a run compares and how it trains. Everything that a verdict depends on is fixed here, before any run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

TORCHVISION, DALI, OURS, OURS_BY_DALI = "torchvision", "dali", "dali-mixup", "dali-mixup-dali"

TITLES = {
    TORCHVISION: "torchvision, mixed by timm",
    DALI: "DALI, mixed by timm",
    OURS: "train_loader, compiled kernels",
    OURS_BY_DALI: "train_loader, DALI's operators",
}
"""The pipelines by name."""

PAIRS = ((DALI, TORCHVISION), (OURS, TORCHVISION), (OURS_BY_DALI, TORCHVISION), (OURS, OURS_BY_DALI))
"""The comparisons: the first of a pair against the second."""

# The differences that would not matter to somebody who chooses a loader, in the units of the metric.
MARGIN = 1.5  # points of test accuracy
LOSS_MARGIN = 0.1  # nats of training loss
ALPHA = 0.05  # of each metric's comparisons together

# The recipe. Where nothing is said, a pipeline has the defaults of torchvision's RandomResizedCrop.
MIXUP_ALPHA, CUTMIX_ALPHA, SMOOTHING = 0.2, 1.0, 0.1  # MixUp or CutMix for a whole batch, with equal odds
HFLIP = 0.5
AREA, RATIO = (0.08, 1.0), (3 / 4, 4 / 3)
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # of pixels in 0..1
MOMENTUM, WARM_UP = 0.9, 0.05  # Nesterov's; share of the steps in which the learning rate rises
FINAL = 0.2  # share of the epochs, the last ones, whose mean loss is the final training loss


@dataclass(frozen=True)
class Settings:
    """A run of the experiment.

    Args:
        data: folder with train/ and val/ in ImageNet's layout.
        model: "small" or the name of a classifier of torchvision.
        epochs: >= 1.
        batch_size: even, as timm's `Mixup` asks.
        size: height and width of a training image, pixels; test images are resized to 256 / 224 of it and cropped.
        lr: peak learning rate, > 0; a cosine to 0 follows a linear rise.
        weight_decay: >= 0, of all weights.
        device: "cpu", "cuda" or "cuda:N".
        seeds: runs of each pipeline, >= 2, with the seeds first_seed, first_seed + 1, ...
        pipelines: names of `TITLES`; at least one of `PAIRS` must be among them.
        margin: points of test accuracy, > 0.
        workers: threads or worker processes of a loader, >= 1; torchvision's loader of one works in the training
            process.

    Raises:
        FileNotFoundError, ValueError: values outside the above; a device that is not there; train/ and val/ with
            different classes, or too few images for a batch.
    """

    data: Path
    model: str
    epochs: int
    batch_size: int
    size: int
    lr: float
    weight_decay: float
    device: str
    seeds: int
    first_seed: int
    pipelines: tuple[str, ...]
    margin: float
    workers: int

    def __post_init__(self) -> None:
        least = {"epochs": 1, "batch_size": 2, "size": 8, "seeds": 2, "first_seed": 0, "workers": 1}
        for name, value in least.items():
            if getattr(self, name) < value:
                raise _refused(name, getattr(self, name), f"at least {value}")
        if self.batch_size % 2:
            raise _refused("batch_size", self.batch_size, "an even number, which timm's Mixup needs")
        for name in ("lr", "margin"):
            if not 0 < getattr(self, name) < float("inf"):
                raise _refused(name, getattr(self, name), "a number > 0")
        if not 0 <= self.weight_decay < 1:
            raise _refused("weight_decay", self.weight_decay, "a number in [0, 1)")
        self._check_pipelines()
        self._check_data()
        self._check_device()

    @property
    def pairs(self) -> tuple[tuple[str, str], ...]:
        """The comparisons between the chosen pipelines."""
        return tuple(pair for pair in PAIRS if set(pair) <= set(self.pipelines))

    @property
    def all_seeds(self) -> range:
        return range(self.first_seed, self.first_seed + self.seeds)

    def _check_pipelines(self) -> None:
        unknown = [name for name in self.pipelines if name not in TITLES]
        if unknown:
            raise _refused("pipelines", ",".join(unknown), f"some of {', '.join(TITLES)}")
        if len(set(self.pipelines)) != len(self.pipelines):
            raise _refused("pipelines", ",".join(self.pipelines), "each of them once")
        if not self.pairs:
            compared = "; ".join(f"{first} with {second}" for first, second in PAIRS)
            raise _refused("pipelines", ",".join(self.pipelines), f"two that are compared: {compared}")
        if OURS_BY_DALI in self.pipelines and self.device != "cpu":
            raise ValueError(
                f"equivalence: {OURS_BY_DALI} is {OURS} without its kernels for the CPU, and the same as it on "
                f"{self.device}; leave it out of the pipelines"
            )

    def _check_data(self) -> None:
        classes = {}
        for split in ("train", "val"):
            folder = self.data / split
            if not folder.is_dir():
                raise FileNotFoundError(
                    f"equivalence: {folder} is not a folder; expected data with train/ and val/"
                )
            classes[split] = {child.name for child in folder.iterdir() if child.is_dir()}
        if classes["train"] != classes["val"] or len(classes["train"]) < 2:
            raise ValueError(
                f"equivalence: {self.data} has {len(classes['train'])} classes in train/ and {len(classes['val'])} in "
                "val/; expected the same ones, two at least"
            )

    def _check_device(self) -> None:
        import torch

        kind = self.device.split(":")[0]
        if kind not in ("cpu", "cuda"):
            raise _refused("device", self.device, "cpu, cuda or cuda:N")
        if kind == "cuda" and not torch.cuda.is_available():
            raise _refused("device", self.device, "cpu: torch finds no GPU here")


def _refused(name: str, given: object, expected: str) -> ValueError:
    return ValueError(f"equivalence: {name}={given!r}, expected {expected}")
