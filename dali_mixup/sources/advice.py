"""What is said about objects that are no data, but close to it."""

from __future__ import annotations

import reprlib
from typing import Any

IN_MEMORY = "give DatasetSource(images, labels=[...]), from dali_mixup.sources"


def shown(data: Any) -> str:
    """The type of an object, and what to give instead."""
    kind = type(data).__name__
    if kind == "LazyFrame":
        return f"{kind}; give its collect()"
    if kind == "ndarray" or hasattr(data, "detach"):
        return f"{kind}; for images in memory {IN_MEMORY}"
    if hasattr(data, "dataset"):
        return f"{kind}; give its dataset"
    if isinstance(data, dict):
        return f"{kind}; for a mapping from path to label, give list(data.items())"
    if hasattr(data, "__next__"):
        return f"{kind}; convert it to a list"
    return f"{kind} {reprlib.repr(data)}" if isinstance(data, (int, float, bool)) else kind
