"""Label weights that differ from the pixels': lam' = g(lam), as in The Benefits of Mixup for Feature Learning.

Zou et al. 2023 (arXiv 2303.08433) train with x~ = lam x_i + (1 - lam) x_j and y~ = lam' y_i + (1 - lam') y_j, lam' not
equal to lam. A map is a string, a tuple of a string and its numbers, or any function of an array:

    "identity"                   lam
    "smoothstep"                 3 lam^2 - 2 lam^3
    "majority"                   1 for the image with most pixel weight, 0 for the others (mixing of the inputs only)
    ("polynomial", c0, c1, ...)  c0 + c1 lam + c2 lam^2 + ...
    ("constant", c)              c, for any lam
    ("independent", alpha)       another draw from Beta(alpha, alpha)
    ("same_side", alpha)         another draw, reflected to the side of 1/2 that lam is on
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from dali_mixup._checks import called, concentration, number, takes

LabelMap = str | tuple[str | float, ...] | Callable[[np.ndarray], np.ndarray]

_FORMS = (
    "'identity', 'smoothstep', 'majority', ('polynomial', c0, c1, ...), ('constant', c), ('independent', alpha), "
    "('same_side', alpha), or a function of an array"
)
_GRID = np.linspace(0.0, 1.0, 1001)


def checked(owner: str, given: Any) -> LabelMap:
    """The map, with lists converted to tuples.

    Raises:
        TypeError, ValueError: no such map, wrong numbers, or a g that leaves [0, 1] somewhere on [0, 1], or is not a
            function of an array, or not of lam alone.
    """
    if callable(given):
        takes(f"{owner}: label_map={given!r}", given, "lam", expected=f"expected one of {_FORMS}")
        if not np.array_equal(_of_function(owner, given, _GRID), _of_function(owner, given, _GRID)):
            raise ValueError(
                f"{owner}: label_map={given!r} gave two results for the same lam; expected a function of lam alone; "
                "for another draw use ('independent', alpha) or ('same_side', alpha)"
            )
        return given
    if isinstance(given, str) and given in ("identity", "smoothstep", "majority"):
        return given
    name, *numbers = given if isinstance(given, (tuple, list)) and given else (None,)
    if name == "polynomial" and numbers:
        coefficients = [number(owner, f"label_map[{i}]", c) for i, c in enumerate(numbers, 1)]
        at = _extremes(coefficients)
        _inside(owner, given, at, np.polynomial.polynomial.polyval(at, coefficients))
        return (name, *coefficients)
    if name == "constant" and len(numbers) == 1:
        return (name, number(owner, "label_map[1]", numbers[0], at_least=0, at_most=1))
    if name in ("independent", "same_side") and len(numbers) == 1:
        return (name, concentration(owner, "label_map[1]", numbers[0]))
    raise ValueError(f"{owner}: label_map={given!r}, expected one of {_FORMS}")


def mapped(owner: str, label_map: LabelMap, rng: np.random.RandomState, lam: np.ndarray) -> np.ndarray:
    """lam' (n,) float64 for lam (n,); `majority` is not one of them, because it takes any number of images.

    Raises:
        TypeError, ValueError: a function returned something other than n numbers in [0, 1].
    """
    if callable(label_map):
        return _of_function(owner, label_map, lam)
    if label_map == "identity":
        return lam
    if isinstance(label_map, str):  # the only other map of lam alone, "smoothstep"
        return lam * lam * (3.0 - 2.0 * lam)
    name, *values = label_map
    numbers = [float(value) for value in values]
    if name == "polynomial":
        # Clipped: the polynomial was checked at construction, only rounding remains.
        return np.clip(np.polynomial.polynomial.polyval(lam, numbers), 0.0, 1.0)
    if name == "constant":
        return np.full(lam.shape, numbers[0])
    other = rng.beta(numbers[0], numbers[0], lam.shape)
    if name == "same_side":
        other = np.where((lam >= 0.5) == (other >= 0.5), other, 1.0 - other)
    return other


def majority(weights: np.ndarray) -> np.ndarray:
    """(n, k) with 1 where a row of `weights` is largest; the first of equal ones, so the row's own."""
    hard = np.zeros_like(weights)
    hard[np.arange(len(weights)), weights.argmax(axis=1)] = 1.0
    return hard


def _extremes(coefficients: list[float]) -> np.ndarray:
    """The points of [0, 1] at which a polynomial can be largest or smallest: the ends and the roots of its
    derivative."""
    slope = np.trim_zeros(np.polynomial.polynomial.polyder(coefficients), "b")
    roots = np.polynomial.polynomial.polyroots(slope) if len(slope) > 1 else np.zeros(0)
    real = roots[np.abs(roots.imag) < 1e-12].real if len(roots) else np.zeros(0)
    return np.concatenate([[0.0, 1.0], real[(real > 0) & (real < 1)]])


def _of_function(owner: str, function: Callable[[np.ndarray], Any], lam: np.ndarray) -> np.ndarray:
    """The function's values, which it cannot change afterwards; nor can it change lam."""
    given = called(f"{owner}: label_map={function!r}", function, lam.copy())
    try:
        array = np.asarray(given)
        numeric = array.dtype.kind in "fiub"
    except Exception as error:  # an object may refuse in any way, such as a tensor that needs gradients
        raise TypeError(f"{owner}: label_map={function!r} returned no array: {error}") from error
    if not numeric:
        raise TypeError(
            f"{owner}: label_map={function!r} returned {array.dtype} values; expected label weights in [0, 1]"
        )
    other = np.array(array, dtype=np.float64)
    _inside(owner, function, lam, other)
    return np.clip(other, 0.0, 1.0)


def _inside(owner: str, given: Any, lam: np.ndarray, other: np.ndarray) -> None:
    if other.shape != lam.shape:
        raise ValueError(
            f"{owner}: label_map={given!r} returned shape {other.shape} for lam of shape {lam.shape}; "
            "expected one weight per lam"
        )
    bad = np.flatnonzero(~((other >= -1e-12) & (other <= 1.0 + 1e-12)))
    if len(bad):
        raise ValueError(
            f"{owner}: label_map={given!r} is {other[bad[0]]:g} at lam={lam[bad[0]]:g}; "
            "expected label weights in [0, 1]"
        )
