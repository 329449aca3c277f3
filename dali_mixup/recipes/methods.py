"""A mixing method from its description in a recipe: {method: cutmix, alpha: 1.0}."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from dali_mixup.methods import REGISTRY, Method
from dali_mixup.recipes.errors import Fault, listed, nearest


def method_of(description: Mapping[str, Any], where: str) -> Method:
    """The method; `where` names the description in messages.

    Raises:
        Fault: no method named, an unknown one, parameters it does not have or does not accept, or two parameters
            of which one makes the other meaningless.
    """
    given = dict(description)
    name = given.pop("method", None)
    if name not in REGISTRY:
        raise Fault(f"{where}.method", f"{name!r}{nearest(str(name), REGISTRY)}; allowed: {listed(REGISTRY)}")
    kind = REGISTRY[name]
    known = list(inspect.signature(kind).parameters)
    for key in given:
        if key not in known:
            raise Fault(
                f"{where}.{key}",
                f"{name} has no such parameter{nearest(key, known)}; allowed: {listed(known)}",
            )
    if "alpha" in given and given.get("minmax") is not None:
        raise Fault(
            where,
            f"alpha={given['alpha']!r} and minmax={given['minmax']!r}; a box drawn between minmax does not use alpha, "
            "give one of them",
        )
    try:
        return kind(**{key: _tuples(value) for key, value in given.items()})
    except (TypeError, ValueError) as error:
        raise Fault(where, str(error)) from error


def _tuples(value: Any) -> Any:
    """YAML has lists only; a method is hashable, so its parameters are tuples."""
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value
