"""Checks of what a method has drawn, before it becomes part of a plan.

The shapes are looked at for every method. The numbers, which take longer, are looked at for methods from outside the
package; its own are held to them by its tests. Where rectangles lie is checked with the plan, see `_apply.validity`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from dali_mixup._apply.validity import TOLERANCE
from dali_mixup.methods import Bits, Contours, Draws, Form, Levels, MapMethod, Method, Separable

PACKAGE = f"{__name__.partition('.')[0]}."
# What a form needs besides weights.
NEEDED = {Form.PASTE: "regions", Form.RESIZE: "insets", Form.MASK: "masks", Form.SEPARABLE: "masks"}
MAPPED = "an array of 0 and 1"
HARD = "an array of 0 and 1, Bits or Contours, as the method is hard"
SOFT = "an array of numbers in [0, 1], Bits, Contours or Levels"


def refuse_draws(method: Method, draws: Any, n: int, height: int, width: int) -> None:
    """Raise TypeError or ValueError, naming the method, unless it has drawn what its form needs: n decisions for images
    of `height` x `width` pixels."""
    if not isinstance(draws, Draws):
        raise TypeError(f"{_owner(method)} returned {_kind(draws)}, expected Draws(weights=...)")
    needed = NEEDED.get(method.form)
    if needed is not None and getattr(draws, needed) is None:
        raise ValueError(
            f"{_owner(method)} returned no {needed}, which form {Form(method.form).name} needs; give "
            f"Draws(..., {needed}=...)"
        )
    _refuse_numbers(method, "weights", draws.weights, (n, method.columns), "fiu")
    if draws.pixel_weights is not None:
        _refuse_numbers(method, "pixel_weights", draws.pixel_weights, (n, method.columns), "fiu")
    if draws.boxes is not None:
        _refuse_numbers(method, "boxes", draws.boxes, (n, 4), "iu")
    if draws.regions is not None:
        _refuse_numbers(method, "regions", draws.regions, (n, None, 7), "iu")
    if draws.insets is not None:
        _refuse_numbers(method, "insets", draws.insets, (n, method.inset_count, 5), "iu")
    if draws.masks is not None:
        refuse_masks(method, draws.masks, (n, height, width))
    if _is_foreign(method):
        _refuse_weights(method, draws)


def refuse_decided(method: MapMethod, decided: Any, n: int) -> None:
    """Raise TypeError or ValueError unless the method has made n decisions."""
    owner = f"{type(method).__name__}.decide"
    if not isinstance(decided, np.ndarray):
        raise TypeError(f"{owner} returned {_kind(decided)}, expected a NumPy array ({n}, ...)")
    if decided.shape[:1] != (n,):
        raise ValueError(f"{owner} returned an array of shape {decided.shape}, expected ({n}, ...)")


def refuse_masks(method: Method, masks: Any, shape: tuple[int, int, int]) -> None:
    """Raise TypeError or ValueError unless these are masks of this shape, and of the method's kind."""
    kinds: tuple[type[Any], ...]
    if method.form == Form.SEPARABLE:
        kinds, expected = (Separable,), "Separable.of(...), as the form is SEPARABLE"
    elif isinstance(method, MapMethod):
        kinds, expected = (np.ndarray,), MAPPED
    elif method.hard:
        kinds, expected = (np.ndarray, Bits, Contours), HARD
    else:
        kinds, expected = (np.ndarray, Bits, Contours, Levels), SOFT
    if not isinstance(masks, kinds) or (isinstance(masks, np.ndarray) and masks.dtype.kind not in "fiub"):
        raise TypeError(f"{_owner(method)} returned masks of {_kind(masks)}, expected {expected}")
    if masks.shape != shape:
        raise ValueError(
            f"{_owner(method)} returned masks of shape {masks.shape}, expected (n, height, width) = {shape}"
        )
    if _is_foreign(method) and isinstance(masks, (np.ndarray, Separable)):
        _refuse_values(method, masks, expected)


def _refuse_numbers(method: Method, name: str, given: Any, shape: tuple[int | None, ...], kinds: str) -> None:
    """Check the type and the shape of an array; None in a shape is any number."""
    if not isinstance(given, np.ndarray) or given.dtype.kind not in kinds:
        expected = "integers" if kinds == "iu" else "numbers"
        raise TypeError(
            f"{_owner(method)} returned {name} of {_kind(given)}, expected a NumPy array of {expected}"
        )
    have = given.shape
    if have != shape and (None not in shape or len(have) != 3 or (have[0], have[2]) != (shape[0], shape[2])):
        raise ValueError(
            f"{_owner(method)} returned {name} of shape {have}, expected {_of_shape(name, shape, method)}"
        )


def _of_shape(name: str, shape: tuple[int | None, ...], method: Method) -> str:
    """The shape in words."""
    numbers = ", ".join("any number" if size is None else str(size) for size in shape)
    if name.endswith("weights"):
        return (
            f"({numbers}): one row per decision, and as many columns as {type(method).__name__}.columns says"
        )
    if name == "insets":
        return f"({numbers}): one row per decision, and as many insets as {type(method).__name__}.inset_count says"
    return f"({numbers}): one row per decision"


def _refuse_weights(method: Method, draws: Draws) -> None:
    """Check that weights are shares, or sum to 1 where the method extrapolates."""
    for name in ("weights", "pixel_weights"):
        weights = getattr(draws, name)
        if weights is None:
            continue
        wrong = ~(abs(weights.sum(1, dtype=np.float64) - 1) <= TOLERANCE)  # NaN is wrong too
        expected = "a sum of 1"
        if method.form != Form.BLEND or name not in method.extrapolates:
            wrong |= (weights < -TOLERANCE).any(1)
            expected += " and numbers in [0, 1]"
            if method.form == Form.BLEND:
                expected += f", unless {type(method).__name__}.extrapolates names {name!r}"
        if wrong.any():
            row = int(np.argmax(wrong))
            raise ValueError(
                f"{_owner(method)} returned {name} {weights[row].tolist()} in row {row}, expected {expected}"
            )


def _refuse_values(method: Method, masks: np.ndarray | Separable, expected: str) -> None:
    """Check the numbers in masks, one after the other: together they may be large."""
    rounding = TOLERANCE if isinstance(masks, Separable) else 0
    hard = method.hard and method.form == Form.MASK
    for row in range(len(masks)):
        mask = masks[row]
        if mask.dtype == bool:
            return
        least, most = mask.min(), mask.max()
        right = least >= -rounding and most <= 1 + rounding
        if hard and right:
            right = ((mask == 0) | (mask == 1)).all()
        if not right:
            raise ValueError(
                f"{_owner(method)} returned masks with numbers from {least} to {most} in row {row}, expected {expected}"
            )


def _is_foreign(method: Method) -> bool:
    """True of a class from outside the package."""
    return not type(method).__module__.startswith(PACKAGE)


def _owner(method: Method) -> str:
    return f"{type(method).__name__}.{'masks' if isinstance(method, MapMethod) else 'draw'}"


def _kind(given: Any) -> str:
    if isinstance(given, np.ndarray):
        return f"an array of {given.dtype}"
    return "None" if given is None else f"a {type(given).__name__}"
