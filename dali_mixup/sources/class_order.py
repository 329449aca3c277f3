"""Orders of class names, which decide on their labels."""

from __future__ import annotations

import re
from collections.abc import Sequence

ORDERS = ("sorted", "natural")

_DIGITS = re.compile(r"(\d+)")


def ordered(names: Sequence[str], order: str) -> list[str]:
    """Class names in the order of their labels.

    Args:
        order: "sorted" by code point, as torchvision; "natural": numbers inside names by their value and letters
            without regard to case, as timm (`natural_key`): class2 before class10.
    """
    return sorted(names) if order == "sorted" else sorted(names, key=_natural)


def _natural(name: str) -> tuple[list[str | int], str]:
    parts = _DIGITS.split(name.lower())  # text and digits in turn
    return [int(part) if place % 2 else part for place, part in enumerate(parts)], name
