"""The interface between DALI's Numba operator and C functions, and Numba's side of it.

The public `numba_function` compiles again for every pipeline, for a second or more; an entry point of this module is
compiled once and kept on disk. Numba would compile it again only if the file that defines it had changed, and so take
the code of another release for what it calls in other files. So the names of what is kept hold a digest of them all.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numba
import numpy as np
from numba import types
from nvidia.dali.plugin.numba import NumbaFunction, address_as_void_pointer

from dali_mixup.methods import Form
from dali_mixup.methods.contours import HIGHEST
from dali_mixup.methods.masks import STEP

log = logging.getLogger("dali_mixup")

_POINTERS = (types.uint64,) * 3
RUN = types.void(*_POINTERS, types.int32, *_POINTERS, types.int32)
"""(data, shapes, dimensions, count) of one sample's outputs, then of its inputs; each a table of addresses."""
RUN_BATCH = types.void(*_POINTERS, types.int32, *_POINTERS, types.int32, types.int32)
"""As RUN, but of all samples, whose number comes last: each table goes through the samples of the first array, then of
the second."""
SETUP = types.void(
    types.uint64, types.uint64, types.int32, types.uint64, types.uint64, types.int32, types.int32
)
"""(shapes, dimensions, count) of the outputs, to be filled, then of the inputs, and the number of samples."""


def check_convention(operator: Any) -> None:
    """Raise ImportError if DALI's operator class does not call entry points as they are written here: none of this is
    DALI's public interface."""
    try:
        signatures = (
            operator._run_fn_sig(None),
            operator._run_fn_sig(None, True),
            operator._setup_fn_sig(None),
        )
        known = signatures == (RUN, RUN_BATCH, SETUP)
        known = known and callable(operator._get_run_fn_cpu) and callable(operator._get_setup_fn_cpu)
    except (AttributeError, TypeError):
        known = False
    if not known:
        raise ImportError("this version of DALI calls Numba's functions in another way than 2.4 does")


check_convention(NumbaFunction)


address_in = address_as_void_pointer  # a number as the pointer that it is


@numba.njit
def array_at(address: int, count: int) -> np.ndarray:
    """(count,) uint8 at an address."""
    return numba.carray(address_in(address), count, np.uint8)


@numba.njit
def address_of(array: np.ndarray) -> int:
    """The address of an array's first number; signed, because Numba's sum of an unsigned and a signed number is a
    float."""
    return np.int64(array.ctypes.data)  # type: ignore[return-value]  # an int to Numba


@numba.njit
def uncounted(array: np.ndarray) -> np.ndarray:
    """The same numbers as an array whose users Numba does not count, for loops: to count, a processor waits until all
    that was written before is in memory. The array itself must stay `in_use`."""
    return numba.carray(address_in(address_of(array)), array.shape, array.dtype)


@numba.njit
def in_use(*arrays: np.ndarray) -> None:
    """Numba frees an array after the last line that names it: who works with its address names it here afterwards."""


@numba.njit
def address_at(table: int, i: int) -> int:
    """The i-th address of a table."""
    return numba.carray(address_as_void_pointer(table), i + 1, np.int64)[i]


@numba.njit
def pointer_to(table: int, i: int) -> Any:
    """The i-th address of a table, as the pointer that it is."""
    return address_as_void_pointer(address_at(table, i))


@numba.njit
def copy_numbers(source: np.ndarray, target: np.ndarray) -> None:
    """Copies (count,) numbers into an array of that size or a larger one. With an assignment of arrays Numba would also
    compile what it says of shapes that differ, for seconds."""
    for i in range(len(source)):
        target[i] = source[i]


@numba.njit
def shape_of(shapes: int, i: int, dimensions: int) -> np.ndarray:
    """The i-th shape of a table of shapes, (dimensions,) int64; writing to it sets it. In SETUP the table goes through
    all samples of the first array, then of the second."""
    return numba.carray(pointer_to(shapes, i), dimensions, np.int64)


def digest_of(folder: Path) -> str:
    """8 hex digits of the sources in a folder, and of the numbers from other rooms that the kernels hold."""
    digest = hashlib.sha256(repr((list(Form), HIGHEST, STEP)).encode())
    for file in sorted(folder.glob("*.py")):
        digest.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return digest.hexdigest()[:8]


_SOURCES = digest_of(Path(__file__).parent)


def entry_point(signature: Any, function: Callable[..., Any]) -> Any:
    """A compiled C function. It must be kept as long as a pipeline uses its `address`."""
    function.__qualname__ += f".{_SOURCES}"  # of which Numba makes the name of the file
    try:
        made = numba.cfunc(signature, cache=True)(function)
    except RuntimeError:  # no writable folder
        _say_not_kept()
        return numba.cfunc(signature)(function)
    if not made.cache_hits:
        _say_compiled()
    return made


@cache
def _say_compiled() -> None:
    # Known only when the first is compiled, which is a small one.
    log.info(
        "compiling the kernels for this machine: the first batch may take up to a minute; later runs load them from "
        "disk"
    )


@cache
def _say_not_kept() -> None:
    log.info(
        "the kernels are compiled again in every process, because Numba finds no folder that it can write to; set "
        "NUMBA_CACHE_DIR to one"
    )


class CompiledFunction(NumbaFunction):  # type: ignore[misc]  # DALI has no types here
    """DALI's operator for entry points that are compiled already."""

    def _get_run_fn_cpu(self, run_fn: Any, *_: Any) -> int:
        return run_fn.address

    def _get_setup_fn_cpu(self, setup_fn: Any) -> int:
        return setup_fn.address
