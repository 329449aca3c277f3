"""What a source feeds DALI, checked: a source of a user's own may return anything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from dali_mixup.sources.base import Source

_BYTE = np.dtype(np.uint8)


def fed(source: Source, indices: np.ndarray) -> list[np.ndarray]:
    """What a source feeds DALI for samples, which everyone but a source itself asks for here.

    Raises:
        TypeError: it is not one array per index: the source's code is at fault, and none of its images.
        Exception: whatever the source raises.
    """
    given: Any = source.feed(indices)
    if not isinstance(given, (list, tuple, np.ndarray)):
        raise _misfed(source, "None" if given is None else f"a {type(given).__name__}")
    if len(given) != len(indices):
        raise _misfed(source, f"a {type(given).__name__} of length {len(given)} for {len(indices)} indices")
    return [
        each
        if isinstance(each, np.ndarray) and each.dtype == _BYTE and each.ndim == 1
        else _as_array(source, each)
        for each in given
    ]


def as_one(names: list[np.ndarray]) -> np.ndarray:
    """(N, length) uint8: names in one array, which DALI takes up faster than many small ones (64 in 0.3 ms less). Zeros
    follow the shorter ones: for the system a name ends there."""
    return padded([name.tobytes() for name in names])


def padded(names: list[bytes]) -> np.ndarray:
    """As `as_one`."""
    longest = max(map(len, names))
    joined = b"".join([name.ljust(longest, b"\0") for name in names])
    return np.frombuffer(joined, np.uint8).reshape(len(names), longest)


def _as_array(source: Source, given: Any) -> np.ndarray:
    if isinstance(given, (bytes, bytearray, memoryview)):
        return np.frombuffer(bytes(given), np.uint8)
    if not isinstance(given, np.ndarray):
        raise _misfed(source, f"a list with a {type(given).__name__}")
    raise _misfed(source, f"{given.dtype} arrays of shape {given.shape}")


def _misfed(source: Source, given: str) -> TypeError:
    return TypeError(
        f"{source.kind}.feed returned {given}; expected a list of len(indices) uint8 arrays (bytes,), such as "
        "np.frombuffer(content, np.uint8)"
    )
