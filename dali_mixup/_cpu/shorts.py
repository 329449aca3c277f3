"""Vectors of 16 uint16 as values that compiled loops can hold: numbers in fixed point.

Half as long as vectors of float32, so a processor adds twice as many numbers at a time. The arithmetic is that of whole
numbers, so all machines give the same.
"""

from __future__ import annotations

import operator
from typing import Any, ClassVar

from llvmlite import ir
from numba import types
from numba.core.datamodel import models
from numba.core.typing.templates import ConcreteTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin, register_model

from dali_mixup._cpu.lanes import BYTES, LANES, at, shuffled, transposing

_SHORT = ir.IntType(16)
_INDEX = ir.IntType(32)
_SHORTS = ir.VectorType(_SHORT, LANES)
_EIGHT = ir.Constant(_SHORTS, [8] * LANES)


class _Shorts(types.Type):  # type: ignore[misc]  # Numba has no types
    """Numba's name for `_SHORTS`."""

    def __init__(self) -> None:
        super().__init__(name="lanes of uint16")


_shorts = _Shorts()


@register_model(_Shorts)
class _Model(models.PrimitiveModel):  # type: ignore[misc]  # Numba has no types
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, _SHORTS)


@intrinsic
def splat_short(_: Any, number: Any) -> Any:
    """A uint16 in every lane."""

    def generated(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        nothing = ir.Constant(_SHORTS, ir.Undefined)
        one = builder.insert_element(nothing, args[0], ir.Constant(_INDEX, 0))
        return shuffled(builder, one, nothing, [0] * LANES)

    return _shorts(types.uint16), generated


@intrinsic
def load_shorts(_: Any, address: Any) -> Any:
    """The 16 uint16 at an address."""

    def generated(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.load(at(builder, args[0], _SHORTS), align=2)

    return _shorts(types.int64), generated


@intrinsic
def load_high(_: Any, address: Any) -> Any:
    """The 16 bytes at an address, times 256."""

    def generated(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        loaded = builder.load(at(builder, args[0], BYTES), align=1)
        return builder.shl(builder.zext(loaded, _SHORTS), _EIGHT)

    return _shorts(types.int64), generated


@intrinsic
def store_shorts(_: Any, address: Any, values: Any) -> Any:
    """Write 16 uint16 to an address."""

    def generated(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        builder.store(args[1], at(builder, args[0], _SHORTS), align=2)
        return context.get_dummy_value()

    return types.none(types.int64, _shorts), generated


@intrinsic
def store_high(_: Any, address: Any, values: Any) -> Any:
    """Write 16 bytes to an address: the numbers divided by 256, rounded down."""

    def generated(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        made = builder.trunc(builder.lshr(args[1], _EIGHT), BYTES)
        builder.store(made, at(builder, args[0], BYTES), align=1)
        return context.get_dummy_value()

    return types.none(types.int64, _shorts), generated


@infer_global(operator.add)
class _Sum(ConcreteTemplate):  # type: ignore[misc]  # Numba has no types
    """Modulo 65536."""

    cases: ClassVar[list[Any]] = [signature(_shorts, _shorts, _shorts)]


@infer_global(operator.mul)
class _Product(ConcreteTemplate):  # type: ignore[misc]  # Numba has no types
    """Divided by 65536, rounded down."""

    cases: ClassVar[list[Any]] = [signature(_shorts, _shorts, _shorts)]


@lower_builtin(operator.add, _Shorts, _Shorts)
def _add(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    return builder.add(*args)


@lower_builtin(operator.mul, _Shorts, _Shorts)
def _multiply(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    # LLVM's name for it. Written as a product of 32 bits it is taken apart when a factor is the same in a whole loop.
    kind = ir.FunctionType(_SHORTS, [_SHORTS, _SHORTS, _INDEX])
    product = builder.module.declare_intrinsic(f"llvm.umul.fix.v{LANES}i16", (), kind)
    return builder.call(product, [*args, ir.Constant(_INDEX, 16)])


def _dealt(builder: Any, lines: list[Any]) -> list[Any]:
    """The lines transposed: blocks of 8 x 8 within halves of a vector, where numbers move fastest, then the halves."""
    low = [half + i + line for half in (0, 8) for i in range(4) for line in (0, LANES)]
    high = [place + 4 for place in low]
    blocks = []
    for block in (lines[:8], lines[8:]):
        for _ in range(3):
            pairs = [(block[i], block[i + 4]) for i in range(4)]
            block = [shuffled(builder, *pair, order) for pair in pairs for order in (low, high)]
        blocks.append(block)
    above, below = blocks
    first = [*range(8), *range(LANES, LANES + 8)]
    halves = (first, [place + 8 for place in first])
    return [shuffled(builder, x, y, half) for half in halves for x, y in zip(above, below, strict=True)]


transpose_shorts = transposing(_SHORT, _dealt)
