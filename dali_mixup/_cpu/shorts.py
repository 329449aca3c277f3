"""Vectors of 16 uint16 as values that compiled loops can hold: numbers in fixed point.

Half as long as vectors of float32, so a processor adds twice as many numbers at a time. The arithmetic is that of whole
numbers, so all machines give the same.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from dali_mixup._cpu.vectors import (
    INDEX,
    LANES,
    at,
    loading,
    shuffled,
    splatting,
    splatting_at,
    storing,
    transposing,
    vector_type,
)

_SHORT = ir.IntType(16)
_SHORTS = ir.VectorType(_SHORT, LANES)
_EIGHT = ir.Constant(_SHORTS, [8] * LANES)
_UPPER = ir.Constant(_SHORTS, [0xFF00] * LANES)


def _high_product(builder: Any, one: Any, other: Any) -> Any:
    """The product divided by 65536, rounded down."""
    # LLVM's name for it. Written as a product of 32 bits it is taken apart when a factor is the same in a whole loop.
    kind = ir.FunctionType(_SHORTS, [_SHORTS, _SHORTS, INDEX])
    product = builder.module.declare_intrinsic(f"llvm.umul.fix.v{LANES}i16", (), kind)
    return builder.call(product, [one, other, ir.Constant(INDEX, 16)])


_shorts = vector_type(
    "lanes of uint16",
    _SHORTS,
    add=lambda builder, one, other: builder.add(one, other),  # modulo 65536
    multiply=_high_product,
)

splat_short = splatting(_shorts, _SHORTS, types.uint16)
splat_short_at = splatting_at(_shorts, _SHORTS, align=2)
load_shorts = loading(_shorts, _SHORTS, align=2)
store_shorts = storing(_shorts, _SHORTS, align=2)


# Bytes are taken for halves of uint16, the first of two for the lower one, which needs no moves between lanes.


@intrinsic
def load_apart(_: Any, address: Any) -> Any:
    """The 32 bytes at an address, times 256: the first, third, ... of them, and the second, fourth, ..."""

    def generated(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        loaded = builder.load(at(builder, args[0], _SHORTS), align=1)
        halves = [builder.shl(loaded, _EIGHT), builder.and_(loaded, _UPPER)]
        return context.make_tuple(builder, signature.return_type, halves)

    return types.UniTuple(_shorts, 2)(types.int64), generated


@intrinsic
def store_joined(_: Any, address: Any, first: Any, second: Any) -> Any:
    """Write 32 bytes to an address, one of each vector in turn: the numbers divided by 256, rounded down."""

    def generated(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        made = builder.or_(builder.lshr(args[1], _EIGHT), builder.and_(args[2], _UPPER))
        builder.store(made, at(builder, args[0], _SHORTS), align=2)
        return context.get_dummy_value()

    return types.none(types.int64, _shorts, _shorts), generated


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
