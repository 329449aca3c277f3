"""Published training recipes as files: read, checked, compared, and turned into loaders and losses.

    from dali_mixup.recipes import load_recipe

    recipe = load_recipe("deit-s")
    loader = recipe.train_loader("imagenet/train", batch_size=256)

Reading a recipe loads neither DALI nor torch.
"""

from __future__ import annotations

from typing import Any

try:
    import pydantic as _pydantic  # noqa: F401
    import yaml as _yaml  # noqa: F401
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        f"recipes are read with pydantic and PyYAML, but {error.name} is not installed; "
        "pip install 'dali-mixup[recipes]'",
        name=error.name,
    ) from error

from dali_mixup.recipes.alternatives import KEYS
from dali_mixup.recipes.difference import difference
from dali_mixup.recipes.errors import RecipeError
from dali_mixup.recipes.keys import flat
from dali_mixup.recipes.reading import load_recipe, recipe_names
from dali_mixup.recipes.recipe import Recipe

__all__ = ["Recipe", "RecipeError", "difference", "flat", "json_schema", "load_recipe", "recipe_names"]


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a recipe file, for editors. `extends` is part of a file though not of a `Recipe`."""
    schema = Recipe.model_json_schema(by_alias=True)
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = "dali-mixup recipe"
    schema["properties"]["extends"] = {
        "type": "string",
        "description": "name or file of a recipe whose keys hold where this file says nothing",
    }
    for section in (schema, *schema["$defs"].values()):
        # A file that extends another need not repeat its keys; those that say which alternative is meant remain.
        section["required"] = [key for key in section.get("required", []) if key in KEYS]
    return schema
