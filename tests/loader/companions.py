"""Loaders of pictures whose colours tell the sample, for tests of what comes with a batch."""

from __future__ import annotations

from typing import Any

from dali_mixup import Runtime
from dali_mixup._decide.policy import MixPolicy
from dali_mixup._loader.factory import train_loader
from dali_mixup.methods import CutMix, MixUp
from tests.loader.pictures import RAW, WHOLE, Files

BOTH = (MixUp(0.8), CutMix(1.0))


def loader(data: Files, policy: MixPolicy | None, **arguments: Any) -> Any:
    fixed = {
        "batch_size": 4,
        "transform": WHOLE,
        "output": RAW,
        "device": "cpu",
        "runtime": Runtime(num_threads=2),
    }
    return train_loader(data, policy=policy, **(fixed | arguments))
