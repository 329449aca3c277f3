"""What a plan can be carried out on, and the messages for what it cannot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from dali_mixup._apply.axes import OWNER
from dali_mixup._apply.validity import refuse_invalid

if TYPE_CHECKING:
    from dali_mixup._decide.plan import MixPlan


def check_array(x: np.ndarray) -> None:
    """Raise TypeError unless the array holds numbers, in every place."""
    if x.dtype == object:
        raise TypeError(unequal(f"an array of {len(x)} objects" if x.ndim else "an object"))
    if isinstance(x, np.ma.MaskedArray):
        raise TypeError(
            f"{OWNER}: x is a masked array, whose mask would be lost; fill it first, as x.filled(0) does"
        )
    if x.dtype.kind not in "biufc":
        raise TypeError(f"{OWNER}: x is an array of {x.dtype}, expected numbers")


def not_an_array(x: Any, owner: str = OWNER, name: str = "x") -> str:
    """The message for anything but an array or a tensor."""
    kind = type(x).__name__
    if isinstance(x, (list, tuple)):
        shapes = {np.shape(item) for item in x if not isinstance(item, (list, tuple))}
        if len(shapes) > 1:
            return unequal(f"a {kind} of items of the shapes {sorted(shapes)[:3]}", owner, name)
        return (
            f"{owner}: {name} is a {kind}; stack its items into one array or tensor, as np.stack({name}) does"
        )
    return f"{owner}: {name} is a {kind}, expected a NumPy array or a torch tensor"


def unequal(what: str, owner: str = OWNER, name: str = "x") -> str:
    """The message for rows of different shapes."""
    return (
        f"{owner}: {name} is {what}; rows of different lengths cannot be mixed: pad or crop them to one shape and "
        "stack them into one array or tensor"
    )


def check_others(x: Any, others: Any, kind: type[Any]) -> None:
    """Raise TypeError unless the rows beyond the batch are of the kind and the type of x, or None."""
    if others is not None and not (isinstance(others, kind) and others.dtype == x.dtype):
        what = f"{type(others).__name__} of {getattr(others, 'dtype', 'no type')}"
        raise TypeError(f"{OWNER}: others is a {what}, expected a {kind.__name__} of {x.dtype}, as x is")


def check_shapes(plan: MixPlan, shape: tuple[int, ...], others: tuple[int, ...] | None) -> None:
    """Raise ValueError unless x of `shape` has the plan's rows, and the rows beyond them have the same shape."""
    if not shape or shape[0] != len(plan):
        raise ValueError(
            f"{OWNER}: x has shape {shape}, but the plan is for {len(plan)} rows; plan for the rows that the batch has"
        )
    if others is not None and (not others or others[1:] != shape[1:]):
        raise ValueError(
            f"{OWNER}: others has shape {others}; expected (M, ...) with rows like x, of shape {shape}"
        )


def check_partners(owner: str, plan: MixPlan, more: int | None) -> None:
    """Raise ValueError unless all partners are among the plan's rows and the `more` beyond them; None: no others."""
    rows = len(plan) + (more or 0)
    if (plan.partners >= rows).any():
        given = "pass them as others=" if more is None else f"others= has only {more}"
        raise ValueError(
            f"{owner}: the plan has partners beyond its {len(plan)} rows, up to row {plan.partners.max()}, as "
            f"Neighbours and Pool give; {given}"
        )


def check_values(plan: MixPlan, more: int | None) -> None:
    """Raise ValueError for a plan that does not fit its rows, with `more` rows beyond them; None: with no such rows."""
    rows = len(plan) + (more or 0)
    check_partners(OWNER, plan, more)
    height, width = plan.size or (1, 1)
    refuse_invalid(plan, height, width, rows)
