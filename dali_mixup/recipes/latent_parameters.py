"""The arguments of each module of `latent` that a file can hold, and their values. Reading a recipe does not import the
modules, nor torch, so what their constructors refuse stands here too; tests compare the two."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from dali_mixup._checks import boolean, choice, concentration, integer, number
from dali_mixup.recipes.errors import Fault, listed, nearest

Check = Callable[[str, str, Any], Any]


def _alpha(owner: str, name: str, value: Any) -> None:
    """One number, or the bounds of a range of them."""
    bounds = value if isinstance(value, list) else [value, value]
    if len(bounds) != 2:
        raise ValueError(f"{owner}: {name}={value!r}, expected one number > 0 or two, [low, high]")
    low, high = (concentration(owner, name, bound) for bound in bounds)
    if low > high:
        raise ValueError(f"{owner}: {name}={value!r}, expected [low, high] with low <= high")


def _layers(owner: str, name: str, value: Any) -> None:
    if not isinstance(value, list) or not all(isinstance(layer, str) for layer in value):
        raise TypeError(f"{owner}: {name}={value!r}, expected a list of layers' names")
    if len(set(value)) < len(value):
        raise ValueError(f"{owner}: {name}={value!r} contains a layer twice; expected each once")


def _or_none(check: Check) -> Check:
    return lambda owner, name, value: None if value is None else check(owner, name, value)


_CLASSES = partial(integer, at_least=2)
_TUPLES: dict[str, Check] = {
    "num_classes": _CLASSES,
    "n": partial(integer, at_least=1),
    "m": _or_none(partial(integer, at_least=2)),
    "alpha": _alpha,
}
PARAMETERS: dict[str, dict[str, Check]] = {
    "InterpolationConsistency": {
        "alpha": concentration,
        "mode": partial(choice, allowed=("logits", "probs")),
        "k": partial(integer, at_least=2),
    },
    "MixMatchStep": {
        "num_classes": _CLASSES,
        "temperature": partial(number, above=0, at_most=1),
        "alpha": concentration,
        "interleave": boolean,
    },
    "MultiMix": _TUPLES,
    "DenseMultiMix": {**_TUPLES, "fresh": boolean},
    "ManifoldMixup": {"layers": _layers, "alpha": concentration, "include_input": boolean},
}
"""By module and argument, what raises TypeError or ValueError for a value that the module refuses."""


def check_parameters(module: str, given: Mapping[str, Any]) -> None:
    """Raise Fault for parameters that the module does not have, and for values that it refuses, alone or together."""
    known = PARAMETERS[module]
    for name, value in given.items():
        if name not in known:
            raise Fault(
                f"parameters.{name}",
                f"unknown key of {module}{nearest(name, known)}; allowed: {listed(known)}",
            )
        try:
            known[name](module, name, value)
        except (TypeError, ValueError) as error:
            raise Fault(f"parameters.{name}", str(error).removeprefix(f"{module}: ")) from error
    if given.get("mode") == "probs" and given.get("k", 2) > 2:
        raise Fault(
            "parameters.k",
            f"{given['k']} with mode: probs, whose partners are the reversed batch; expected 2",
        )
    if given.get("layers") == [] and given.get("include_input") is False:
        raise Fault("parameters.layers", "[] with include_input: false; expected at least one layer")
    if "input" in given.get("layers", ()) and given.get("include_input", True):
        raise Fault(
            "parameters.layers",
            "contains 'input', the name of the model's input among the candidates; expected include_input: false",
        )
