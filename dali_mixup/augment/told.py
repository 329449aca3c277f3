"""What a saved state knows of a user's function: its name, and the values bound to it, so that a changed setting is
noticed. Code cannot be compared: its bytes change with Python's version, and its source is not always there."""

from __future__ import annotations

import dataclasses
import inspect
import math
from collections.abc import Mapping
from functools import partial
from types import FunctionType, MethodType
from typing import Any

import numpy as np


def name_of(function: Any) -> str:
    """The qualified name of a function or class; for a `functools.partial` that of its function; for another object
    its class's."""
    while isinstance(function, partial):
        function = function.func
    named = function if hasattr(function, "__qualname__") else type(function)
    return f"{getattr(named, '__module__', None) or 'builtins'}.{named.__qualname__}"


def told(function: Any) -> Any:
    """The name alone where nothing is bound to a function, else a mapping of values that `state.described` takes."""
    if isinstance(function, partial):
        bound = {"arguments": [_value(one) for one in function.args], **_values(function.keywords)}
        return {"function": told(function.func), "bound": bound}
    if isinstance(function, MethodType):
        return {"function": name_of(function), "of": _value(function.__self__)}
    if isinstance(function, FunctionType):
        bound = {**_defaults(function), **_values(inspect.getclosurevars(function).nonlocals)}
        return {"function": name_of(function), "bound": bound} if bound else name_of(function)
    return (
        name_of(function) if inspect.isroutine(function) or isinstance(function, type) else _value(function)
    )


def _defaults(function: FunctionType) -> dict[str, Any]:
    parameters = inspect.signature(function).parameters.values()
    return _values(
        {one.name: one.default for one in parameters if one.default is not inspect.Parameter.empty}
    )


def _values(given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _value(value) for name, value in given.items()}


def _value(value: Any) -> Any:
    """A bound value. Of a function its name alone, since it may be bound to itself."""
    if value is None or isinstance(value, (bool, int, str, np.ndarray)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else repr(value)  # NaN is not even equal to itself
    if isinstance(value, (list, tuple)):
        return [_value(one) for one in value]
    if isinstance(value, (set, frozenset)):
        return sorted(str(_value(one)) for one in value)  # whose own order is another one in every process
    if isinstance(value, dict):
        return {str(key): _value(one) for key, one in value.items()}
    if inspect.isroutine(value) or isinstance(value, type | partial):
        return name_of(value)
    if dataclasses.is_dataclass(value):
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return {"is": name_of(value), **_values(fields)}
    # The repr that every object has by itself is its address, another one in every process.
    text = repr(value)
    return name_of(value) if " at 0x" in text else text
