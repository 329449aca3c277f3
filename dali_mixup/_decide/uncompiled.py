"""Functions that `torch.compile` leaves as they are: what decides is NumPy, which it cannot trace."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def uncompiled(function: Callable[P, R]) -> Callable[P, R]:
    """The function, which a compiled step calls between two graphs. It loads neither torch nor torch's compiler, which
    takes a second: without the compiler nothing is compiled."""
    disabled: list[Callable[P, R]] = []

    @wraps(function)
    def called(*args: P.args, **kwargs: P.kwargs) -> R:
        # None also while another thread is loading the compiler.
        disable: Any = getattr(sys.modules.get("torch._dynamo"), "disable", None)
        if disable is None:
            return function(*args, **kwargs)
        if not disabled:
            disabled.append(disable(function))
        return disabled[0](*args, **kwargs)

    return called
