"""The views of a recipe: what fits together, and their sizes. Pure functions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from dali_mixup._checks import integer
from dali_mixup._decide.unlabelled import Unlabelled
from dali_mixup.augment import TrainTransform
from dali_mixup.augment.by_pixels import refuse_operations
from dali_mixup.augment.sizes import ImageSize
from dali_mixup.augment.view import View, as_views, refuse_labels_of_unlabelled, refuse_other_window
from dali_mixup.recipes.errors import Fault

if TYPE_CHECKING:
    from dali_mixup.recipes.recipe import Recipe


def check_views(recipe: Recipe) -> None:
    """Raise Fault for views that do not fit together, or a policy or loss that does not fit the views."""
    if recipe.views is not None:
        if recipe.policy is not None:
            raise Fault(
                "policy", "the recipe has views; give it to those that are to be mixed: views[0].policy"
            )
        _check("views", recipe.views, recipe)
    stream = recipe.unlabelled_
    if stream is not None and stream.views is not None:
        _check("unlabelled.views", stream.views, recipe)
        for i, view in enumerate(stream.views):
            if view.mixing is not None:
                try:
                    refuse_labels_of_unlabelled(view.mixing)
                except ValueError as error:
                    raise Fault(
                        f"unlabelled.views[{i}].policy", str(error).removeprefix("Unlabelled: ")
                    ) from error
    if recipe.loss_.name == "jensen-shannon":
        _check_jensen_shannon(recipe)


def of_size(
    transform: TrainTransform, views: Sequence[View] | None, size: ImageSize
) -> tuple[View, ...] | None:
    """The views with images of another size.

    Args:
        transform: of views that have none of their own.

    Raises:
        ValueError: views of several sizes, so one number does not say how large each is to be.
    """
    if views is None:
        return None
    sizes = list(dict.fromkeys(view.transformed(transform).image_size for view in views))
    if len(sizes) > 1:
        raise ValueError(
            f"image_size={size!r} for a recipe whose views have the sizes {', '.join(map(str, sizes))}; expected "
            "views=[...] instead: dataclasses.replace(view, size=...) of each of recipe.views"
        )
    return tuple(replace(view, size=size) for view in views)


def stream_of(recipe: Recipe, data: Any, batch_size: int, image_size: ImageSize | None) -> Unlabelled:
    """See `Recipe.unlabelled`."""
    section = recipe.unlabelled_
    if section is None:
        raise ValueError(
            f"recipe {recipe.title!r} has no unlabelled section; expected one that has, such as fixmatch-cifar10"
        )
    labelled = integer("Recipe.unlabelled", "batch_size", batch_size, at_least=1)
    views = section.views
    if image_size is not None:
        views = of_size(recipe.transform, views, image_size)
    return Unlabelled(data, section.ratio * labelled, views)


def _check(key: str, views: Sequence[View], recipe: Recipe) -> None:
    try:
        as_views(key, views)
    except ValueError as error:
        raise Fault(key, str(error).removeprefix(f"{key}: ")) from error
    first = views[0].transformed(recipe.transform)
    for i, view in enumerate(views):
        made = view.transformed(recipe.transform)
        output = view.output or recipe.output
        try:
            output.of_pixels(key)
            refuse_operations(key, made, output.kind)
            if view.window == "shared":
                refuse_other_window(key, i, made, first)
        except ValueError as error:
            raise Fault(f"{key}[{i}]", str(error).removeprefix(f"{key}: ")) from error


def _check_jensen_shannon(recipe: Recipe) -> None:
    views = recipe.views or ()
    sizes = {view.transformed(recipe.transform).image_size for view in views}
    if sum(view.count for view in views) < 2 or len(sizes) > 1 or recipe.policies:
        raise Fault(
            "loss.name",
            "jensen-shannon compares the predictions for at least two views of each image, all of one size and none "
            "of them mixed; give the recipe such views, or choose another loss",
        )
