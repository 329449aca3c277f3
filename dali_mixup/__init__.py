"""Mixup and CutMix inside NVIDIA DALI pipelines: JPEGs in, mixed batches with soft labels out."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dali_mixup.targets import MixedTargets

__version__ = "0.1.0"

__all__ = ["MixedTargets", "__version__"]

# Where each public name lives. A name is imported when it is first used, so `import dali_mixup` loads neither
# DALI nor torch: a policy can be written, or a recipe read, on a machine that has neither.
_HOME = {
    "MixedTargets": "dali_mixup.targets",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = value  # the next look-up does not come here
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
