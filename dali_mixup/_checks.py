"""Validation of the numbers that users pass: every message gives the owner, the value and what was expected."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from difflib import get_close_matches
from numbers import Integral, Real
from typing import Any, TypeVar

import numpy as np

T = TypeVar("T")

MOST_CLASSES = 10_000_000
"""More than any data set has, and few enough to store a name for each."""

MOST_PIXELS = 2**28
"""Of one image. Decoded, these are 805 MB."""

_LARGEST, _SMALLEST = 1e30, 1e-30
"""Numbers whose squares, products and logarithms no float64 overflows."""

_LARGEST_INTEGER = 2**63 - 1
"""What an int64 holds."""


def called(what: str, function: Callable[..., T], *arguments: Any) -> T:
    """function(*arguments) for a function that a user gave. Its errors keep their type and say what was called (from
    Python 3.11 on).

    Raises:
        RuntimeError: it raised StopIteration, which would end a loop or an epoch without a word.
        Exception: whatever else it raises.
    """
    try:
        return function(*arguments)
    except StopIteration as error:
        raise RuntimeError(f"{what} raised StopIteration") from error
    except Exception as error:
        if hasattr(error, "add_note"):
            error.add_note(f"raised by {what}, a function given to dali_mixup")
        raise


def takes(what: str, function: Callable[..., Any], *arguments: str, expected: str) -> None:
    """Refuse, with a TypeError that says what was expected, a function that cannot be called with so many arguments.

    Functions written in C may have no signature; nothing is known of them before they are called.
    """
    if not callable(function):
        raise TypeError(f"{what} is no function; {expected}")
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return
    try:
        signature.bind(*arguments)
    except TypeError as error:
        given = "1 argument" if len(arguments) == 1 else f"{len(arguments)} arguments"
        raise TypeError(f"{what} cannot be called with {given} ({error}); {expected}") from None


def number(
    owner: str,
    name: str,
    value: Any,
    *,
    above: float | None = None,
    at_least: float | None = None,
    below: float | None = None,
    at_most: float | None = None,
) -> float:
    """`value` as a float, if it is a finite real number within the bounds.

    Raises:
        TypeError: not a real number; a bool does not count as one.
        ValueError: NaN, infinite, out of bounds, beyond 1e30, or, if it must be above 0, below 1e-30. Both messages
            give owner, name, value and what is allowed.
    """
    allowed = " ".join(filter(None, ("a number", _interval(above, at_least, below, at_most))))
    if isinstance(value, bool) or not isinstance(value, Real):
        raise TypeError(f"{owner}: {name}={value!r} is a {type(value).__name__}, expected {allowed}")
    try:
        x = float(value)
    except OverflowError:  # an integer beyond 1.8e308
        x = math.inf
    bad = (
        not math.isfinite(x)
        or (above is not None and x <= above)
        or (at_least is not None and x < at_least)
        or (below is not None and x >= below)
        or (at_most is not None and x > at_most)
    )
    if bad:
        raise ValueError(f"{owner}: {name}={value!r}, expected {allowed}")
    if abs(x) > _LARGEST:
        raise ValueError(f"{owner}: {name}={value!r}, expected {allowed}, and none beyond {_LARGEST:g}")
    if above == 0 and x < _SMALLEST:
        raise ValueError(f"{owner}: {name}={value!r}, expected {allowed}, and at least {_SMALLEST:g}")
    return x


def concentration(owner: str, name: str, value: Any) -> float:
    """The parameter of a beta or Dirichlet law, from 1e-30 to 1e30; errors as in `number`. Beyond 1e-300 and 1e300
    NumPy draws NaN or, against the law, nothing but 0."""
    return number(owner, name, value, above=0)


def integer(owner: str, name: str, value: Any, *, at_least: int, at_most: int | None = None) -> int:
    """`value` as an int, if it is one (a bool is not) within the bounds and 64 bits; errors as in `number`."""
    if type(value) is int and at_least <= value <= (_LARGEST_INTEGER if at_most is None else at_most):
        return value  # before any words are put together, for what is checked in every batch
    allowed = _interval(None, at_least, None, at_most)
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise TypeError(
            f"{owner}: {name}={value!r} is a {type(value).__name__}, expected an integer {allowed}"
        )
    x = int(value)
    if at_most is None and x > _LARGEST_INTEGER:
        allowed += " and below 2**63"
    elif x >= at_least and (at_most is None or x <= at_most):
        return x
    given = f"={value!r}" if abs(x) < 10**40 else " is an integer of more than 40 digits"
    raise ValueError(f"{owner}: {name}{given}, expected an integer {allowed}")


def address(owner: str, name: str, value: Any) -> int:
    """A seed, rank, epoch or step, which the random streams count in 64 bits; errors as in `integer`."""
    return integer(owner, name, value, at_least=0, at_most=2**64 - 1)


def class_count(owner: str, value: Any, *, at_least: int = 1) -> int:
    """`num_classes` as an int up to `MOST_CLASSES`, since dense targets of more fit nowhere; errors as in `integer`."""
    return integer(owner, "num_classes", value, at_least=at_least, at_most=MOST_CLASSES)


def boolean(owner: str, name: str, value: Any) -> bool:
    """`value`, if it is True or False (NumPy's included); TypeError otherwise, since any text would count as true."""
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{owner}: {name}={value!r} is a {type(value).__name__}, expected True or False")
    return bool(value)


def did_you_mean(word: str, known: Iterable[str], most: int = 1) -> str:
    """ "did you mean 'mixup'?", with up to `most` known words that resemble the unknown one; "" if none does."""
    close = get_close_matches(word, list(known), n=most)
    return f"did you mean {' or '.join(map(repr, close))}?" if close else ""


def members(value: Any) -> list[Any] | None:
    """What anything with a length and an order holds: a list, tuple, array or tensor of one axis, column of a table.
    None for anything else: texts, sets and mappings too, which would give letters, any order, and keys."""
    unfit = (str, bytes, bytearray, memoryview, Mapping, Set, type)
    if isinstance(value, unfit) or getattr(value, "ndim", 1) != 1:
        return None
    if not (hasattr(value, "__len__") and hasattr(value, "__iter__")):
        return None
    return list(value.tolist() if hasattr(value, "tolist") else value)


def pair(owner: str, name: str, value: Any) -> tuple[int, int]:
    """(height, width) from one number of pixels >= 1, or from two, of at most `MOST_PIXELS`; errors as in `number`."""
    if not isinstance(value, Sequence):
        side = integer(owner, name, value, at_least=1)
        return checked_area(owner, name, side, side)
    if isinstance(value, (str, bytes)) or len(value) != 2:
        raise ValueError(f"{owner}: {name}={value!r}, expected one number of pixels or (height, width)")
    height, width = (integer(owner, name, extent, at_least=1) for extent in value)
    return checked_area(owner, name, height, width)


def checked_area(owner: str, name: str, height: int, width: int) -> tuple[int, int]:
    """The two; ValueError if they are more than `MOST_PIXELS`."""
    if height * width > MOST_PIXELS:
        raise ValueError(
            f"{owner}: {name} is {height} x {width} pixels, expected at most {MOST_PIXELS} in all (2**28)"
        )
    return height, width


def table(owner: str, name: str, value: Any, kinds: str, wanted: str) -> np.ndarray:
    """`value` as an array (rows, m), both >= 1, of one of the NumPy `kinds`; TypeError or ValueError otherwise."""
    expected = f"expected (samples, m) {wanted}, one line per sample"
    try:
        array = np.asarray(value)
    except (
        TypeError,
        ValueError,
        RuntimeError,
    ) as error:  # torch raises the last for a tensor that needs gradients
        raise TypeError(f"{owner}: {name} is not a table ({error}); {expected}") from error
    if np.ma.is_masked(value):
        raise ValueError(
            f"{owner}: {name} has masked values; {expected}: fill them in, or leave those samples out"
        )
    if array.ndim != 2 or 0 in array.shape or array.dtype.kind not in kinds:
        raise ValueError(f"{owner}: {name} has shape {array.shape} and type {array.dtype}; {expected}")
    return array


def own(array: np.ndarray, given: Any) -> np.ndarray:
    """The array for keeps: a copy, if it is memory that `given` may still change; nobody can write to it."""
    made_here = isinstance(given, (list, tuple)) or not np.may_share_memory(array, np.asarray(given))
    if array.flags.writeable and not made_here:
        array = array.copy()
    array.flags.writeable = False
    return array


def instance(owner: str, name: str, value: Any, kind: type) -> None:
    """Raise TypeError unless `value` is None or of that kind."""
    if value is not None and not isinstance(value, kind):
        raise TypeError(f"{owner}: {name}={value!r}, expected {kind.__name__}(...) or None")


def choice(owner: str, name: str, value: Any, allowed: tuple[str, ...]) -> str:
    """`value`, if it is one of `allowed`; ValueError with the list otherwise."""
    if not isinstance(value, str) or value not in allowed:
        raise ValueError(f"{owner}: {name}={value!r}, expected one of {', '.join(map(repr, allowed))}")
    return value


def _interval(above: float | None, at_least: float | None, below: float | None, at_most: float | None) -> str:
    bounds = (("> ", above), (">= ", at_least), ("< ", below), ("<= ", at_most))
    return " and ".join(
        f"{sign}{bound:g}" if isinstance(bound, float) else f"{sign}{bound}"
        for sign, bound in bounds
        if bound is not None
    )
