"""What two recipes say differently, key by key."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from dali_mixup.recipes.recipe import Recipe

ABOUT = ("title", "source", "recalled", "unstated", "omitted")
"""Keys that describe a recipe rather than what is done."""


def flat(recipe: Recipe) -> dict[str, Any]:
    """Every key that holds a value, as {"train.crop.scale": [0.08, 1.0], ...}, defaults included."""
    return _flat(recipe, "")


def difference(first: Recipe, second: Recipe) -> dict[str, tuple[Any, Any]]:
    """{key: (first's value, second's value)} where they differ; None where a recipe has no such key."""
    a, b = flat(first), flat(second)
    keys = [key for key in {**a, **b} if key.partition(".")[0] not in ABOUT]
    return {key: (a.get(key), b.get(key)) for key in keys if a.get(key) != b.get(key)}


def _flat(section: BaseModel, prefix: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, field in type(section).model_fields.items():
        key, value = f"{prefix}{field.alias or name}", getattr(section, name)
        if isinstance(value, BaseModel):
            found.update(_flat(value, f"{key}."))
        else:
            found[key] = value
    return found
