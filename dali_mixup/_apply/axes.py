"""The axes of a batch along which a plan's height and width run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dali_mixup._checks import integer

OWNER = "MixPlan.apply"


def spatial_axes(
    shape: tuple[int, ...], size: tuple[int, int], given: Sequence[int] | None
) -> tuple[int, ...]:
    """The two axes that are the height and the width, or the one that is the width; each in [1, rank).

    Args:
        shape: of the batch, rows first.
        size: (height, width) of the plan.
        given: the user's axes, negative ones counted from the end; None: the only adjacent pair of that size.

    Raises:
        TypeError, ValueError: axes that do not exist, are the rows, or do not have the plan's size; no such pair, or
            several.
    """
    if given is None:
        return _found(shape, size)
    axes = _checked(given, len(shape))
    extents = tuple(shape[axis] for axis in axes)
    wanted = size if len(axes) == 2 else size[1:]
    if extents != wanted or (len(axes) == 1 and size[0] != 1):
        raise ValueError(
            f"{OWNER}: axes={given!r} of x, of shape {shape}, have the size {extents}, but the plan is for "
            f"{size[0]} x {size[1]} pixels; plan with their size (one axis: height 1), or give other axes"
        )
    return axes


def _found(shape: tuple[int, ...], size: tuple[int, int]) -> tuple[int, int]:
    pairs = [(axis, axis + 1) for axis in range(1, len(shape) - 1) if shape[axis : axis + 2] == size]
    if len(pairs) == 1:
        return pairs[0]
    several = f"the axes {' and '.join(map(str, pairs))} of x" if pairs else "no two adjacent axes of x"
    raise ValueError(
        f"{OWNER}: {several}, of shape {shape}, have the plan's size, {size[0]} x {size[1]} pixels; "
        + (
            f"give axes={pairs[0]} or another of them"
            if pairs
            else "plan with the size of the images, or give axes=(y, x), the axes of height and width"
        )
    )


def _checked(given: Any, rank: int) -> tuple[int, ...]:
    expected = f"expected (y, x) or (x,), different axes of x from 1 to {rank - 1}, 0 being the rows"
    try:
        axes = tuple(integer(OWNER, "axes", axis, at_least=-rank, at_most=rank - 1) % rank for axis in given)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{OWNER}: axes={given!r}, {expected}") from error
    if len(axes) not in (1, 2) or 0 in axes or len(set(axes)) != len(axes):
        raise ValueError(f"{OWNER}: axes={given!r}, {expected}")
    return axes
