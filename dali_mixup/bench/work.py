"""The work that every contender must do, so that rates can be compared at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dali_mixup._checks import integer
from dali_mixup._epochs.layout import EpochLayout
from dali_mixup._loader.settings import usual_threads

Samples = Sequence[tuple[str, int]]
"""(path, label) of every image of an epoch, in the order the data list them."""


@dataclass(frozen=True)
class Work:
    """JPEG files in, normalised batches with soft labels on a device out.

    Every epoch takes every sample once in a new random order and leaves the last, smaller batch out. An image is
    decoded to RGB, cropped by RandomResizedCrop's law, resized with antialiased bilinear interpolation, flipped at
    random, normalised, and leaves as contiguous float32 NCHW. Each batch is mixed by MixUp or by CutMix with equal
    odds, with one lam per batch; targets are dense float32.

    Attributes:
        batch_size: images per batch, >= 2.
        threads: worker processes, or threads, of the loader, >= 1: one per core. See `dali_threads`.
        classes: columns of the targets.
        device: "cpu" or "cuda", where the batches must arrive.
        image_size: pixels of the square result.
        mixed: False for the references that do not mix and return (N,) int64 labels.
        mixup_alpha, cutmix_alpha: of lam ~ Beta(alpha, alpha).
        scale, ratio, hflip: the crop's share of the area, its width / height, and the odds of a flip.
        prefetch: batches prepared ahead, by each worker where workers prepare whole batches.
        seed: seed of all random numbers.
    """

    batch_size: int
    threads: int
    classes: int
    device: str = "cpu"
    image_size: int = 224
    mixed: bool = True
    mixup_alpha: float = 0.8
    cutmix_alpha: float = 1.0
    scale: tuple[float, float] = (0.08, 1.0)
    ratio: tuple[float, float] = (3 / 4, 4 / 3)
    hflip: float = 0.5
    prefetch: int = 2
    seed: int = 0

    def __post_init__(self) -> None:
        for name, least in (
            ("batch_size", 2),
            ("threads", 1),
            ("classes", 1),
            ("image_size", 1),
            ("prefetch", 1),
        ):
            integer("Work", name, getattr(self, name), at_least=least)
        if self.device not in ("cpu", "cuda"):
            raise ValueError(f"Work: device={self.device!r}, expected 'cpu' or 'cuda'")

    @property
    def dali_threads(self) -> int:
        """Threads of every loader made of DALI, on as many cores as others have workers."""
        return usual_threads(self.threads)

    @property
    def under_way(self) -> int:
        """The maximum number of batches that a loader prepares ahead of its consumer: `prefetch` in each worker."""
        return self.threads * self.prefetch

    def steps(self, samples: int) -> int:
        """Batches of an epoch."""
        return EpochLayout(samples, self.batch_size).steps


def epoch_of(samples: Samples, size: int) -> list[tuple[str, int]]:
    """`size` samples spread evenly over the list, so that a subset keeps the mix of classes and image sizes of a list
    sorted by class; a list that is too short is repeated."""
    if not samples:
        raise ValueError("epoch_of: no samples given; expected at least one")
    whole, rest = divmod(size, len(samples))
    spread = [samples[i * len(samples) // rest] for i in range(rest)]
    return list(samples) * whole + spread
