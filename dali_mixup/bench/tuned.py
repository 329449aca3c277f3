"""The settings that `dali-mixup tune` searches: arguments of `train_loader` that change its speed and nothing else."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import product
from typing import Any

import yaml


@dataclass(frozen=True)
class Settings:
    """Arguments of `train_loader`. The last two are None on the CPU backend, which does not have them."""

    num_threads: int
    prefetch: int
    roi_decoding: bool | None = None
    hw_decoder_load: float | None = None

    @property
    def arguments(self) -> dict[str, Any]:
        return {name: value for name, value in asdict(self).items() if value is not None}


def candidates(cores: int, device: str, window_decoding: bool) -> list[Settings]:
    """What is tried: half the cores to twice as many threads (some of which wait for files), 1 to 4 batches ahead; on a
    GPU also the hardware decoder's share, and whether only the crop's window is decoded where that works.

    The first one is what `train_loader` does without being told.
    """
    threads = sorted({max(1, cores // 2), cores, 2 * cores}, key=lambda n: (n != cores, n))
    ahead = (2, 1, 4)
    if device == "cpu":
        return [Settings(n, depth) for n, depth in product(threads, ahead)]
    loads = (0.65, 0.0, 0.15, 0.3, 0.45, 0.8, 1.0)
    windows = (True, False) if window_decoding else (False,)
    return [
        Settings(n, depth, roi, load) for n, depth, roi, load in product(threads, ahead[:2], windows, loads)
    ]


def as_yaml(settings: Settings, batch_size: int, comments: list[str]) -> str:
    """A YAML file of keyword arguments: `train_loader(data, **yaml.safe_load(text))`."""
    lines = "".join(f"# {line}\n" for line in comments)
    return lines + yaml.safe_dump({"batch_size": batch_size, **settings.arguments}, sort_keys=False)
