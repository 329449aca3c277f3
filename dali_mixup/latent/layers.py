"""A model's layers by name, or by a function that picks modules, and what is asked of them in a forward pass."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from torch import Tensor, nn

from dali_mixup._checks import called, did_you_mean, members, takes
from dali_mixup._repr import short

Layers = Sequence[str] | Callable[[nn.Module], Sequence[nn.Module]]


def resolve_layers(owner: str, model: nn.Module, layers: Layers) -> dict[str, nn.Module]:
    """The chosen submodules by name, in the order given.

    Args:
        layers: dotted names as in `model.named_modules()`, or a function from the model to a sequence of its modules.
            A module that is part of the model twice has two names, either of which will do.

    Raises:
        TypeError: a model that is no module.
        ValueError: an unknown name (the message suggests similar ones), a module that is not part of the model, or the
            same layer twice, be it under two names.
        TypeError: a single string instead of a sequence of them.
    """
    check_module(owner, "model", model)
    named = {name: module for name, module in model.named_modules(remove_duplicate=False) if name}
    if callable(layers):
        what = f"{owner}: layers={layers!r}"
        takes(
            what,
            layers,
            "model",
            expected="expected names, or a function from the model to its modules",
        )
        by_module = {id(module): name for name, module in model.named_modules() if name}
        returned = called(what, layers, model)
        modules = returned if isinstance(returned, Iterable) else [returned]
        names = [by_module.get(id(module), "") for module in modules]
        if "" in names:
            raise ValueError(
                f"{what} returned {short(returned)}, expected a list of modules that are parts of the model"
            )
    else:
        listed = members(layers)
        if listed is None or not all(isinstance(name, str) for name in listed):
            one = f": [{layers!r}]" if isinstance(layers, str) else ""
            raise TypeError(
                f"{owner}: layers={layers!r}, expected a sequence of names, or a function from the model to its "
                f"modules{one}"
            )
        names = listed
    for name in names:
        if name not in named:
            hint = did_you_mean(str(name), named, most=3) or "see model.named_modules()"
            raise ValueError(f"{owner}: layers contains {name!r}, expected the name of a submodule: {hint}")
    if len({id(named[name]) for name in names}) != len(names):
        raise ValueError(f"{owner}: layers={names!r} contains a layer twice; expected each once")
    return {name: named[name] for name in names}


def check_module(owner: str, name: str, model: Any) -> None:
    """Raise TypeError for what is no module."""
    if not isinstance(model, nn.Module):
        raise TypeError(f"{owner}: {name} is a {type(model).__name__}, expected a torch.nn.Module")


def check_output(owner: str, name: str, output: Any, rows: int) -> None:
    """Refuse, with a TypeError, what is not one tensor with the batch first: other rows would be taken for samples."""
    if not isinstance(output, Tensor) or output.shape[:1] != (rows,):
        shown = tuple(output.shape) if isinstance(output, Tensor) else type(output).__name__
        raise TypeError(
            f"{owner}: layer {name!r} returned {shown}, expected one tensor with {rows} rows first"
        )


def check_runs(owner: str, name: str, runs: int, advice: str = "") -> None:
    """Raise RuntimeError unless the layer ran once in a forward pass."""
    if runs != 1:
        raise RuntimeError(
            f"{owner}: layer {name!r} ran {runs} times in the forward pass, expected once. Choose layers that run once"
            f"{advice}"
        )
