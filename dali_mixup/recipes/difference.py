"""The differences between two recipes, key by key."""

from __future__ import annotations

from typing import Any

from dali_mixup.recipes.keys import flat
from dali_mixup.recipes.recipe import Recipe

ABOUT = ("title", "source", "recalled", "unstated", "omitted")
"""Keys that describe a recipe rather than what is done."""

MODEL = "source.model"
"""The exception: the network that `dali-mixup train` takes where no other is given."""


def difference(first: Recipe, second: Recipe) -> dict[str, tuple[Any, Any]]:
    """{key: (first's value, second's value)} where they differ; None where a recipe has no such key."""
    a, b = flat(first), flat(second)
    keys = [key for key in {**a, **b} if key == MODEL or key.partition(".")[0] not in ABOUT]
    return {key: (a.get(key), b.get(key)) for key in keys if a.get(key) != b.get(key)}
