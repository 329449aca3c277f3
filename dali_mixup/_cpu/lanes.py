"""Vectors of 16 float32 as values that compiled loops can hold.

The results are those of plain float32 arithmetic: no operation is fused with another or changes the order of a sum.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from dali_mixup._cpu.vectors import (
    BYTES,
    INDEX,
    LANES,
    at,
    loading,
    shuffled,
    splatted,
    splatting,
    splatting_at,
    storing,
    transposing,
    vector_type,
)

_FLOATS = ir.VectorType(ir.FloatType(), LANES)
_PIXELS = ir.VectorType(ir.IntType(8), 3 * LANES)
_INTEGERS = ir.VectorType(ir.IntType(32), LANES)

_lanes = vector_type(
    "lanes of float32",
    _FLOATS,
    add=lambda builder, one, other: builder.fadd(one, other),
    multiply=lambda builder, one, other: builder.fmul(one, other),
)

splat = splatting(_lanes, _FLOATS, types.float32)
splat_at = splatting_at(_lanes, _FLOATS, align=4)
load = loading(_lanes, _FLOATS, align=4)
store = storing(_lanes, _FLOATS, align=4)


@intrinsic
def load_bytes(_: Any, address: Any) -> Any:
    """The 16 bytes at an address as numbers."""

    def generated(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        loaded = builder.load(at(builder, args[0], BYTES), align=1)
        return builder.sitofp(builder.zext(loaded, _INTEGERS), _FLOATS)

    return _lanes(types.int64), generated


@intrinsic
def load_pixels(_: Any, address: Any) -> Any:
    """The first, second and third of every three of the 48 bytes at an address as numbers: the colours of 16 pixels."""

    def generated(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        loaded = builder.load(at(builder, args[0], _PIXELS), align=1)
        colours = [shuffled(builder, loaded, loaded, range(c, 3 * LANES, 3)) for c in range(3)]
        made = [builder.sitofp(builder.zext(colour, _INTEGERS), _FLOATS) for colour in colours]
        return context.make_tuple(builder, signature.return_type, made)

    return types.UniTuple(_lanes, 3)(types.int64), generated


@intrinsic
def store_pixels(_: Any, address: Any, red: Any, green: Any, blue: Any) -> Any:
    """Write three float32 for every of 16 pixels to an address."""

    def generated(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        red, green, blue = args[1:]
        two = shuffled(builder, red, green, range(2 * LANES))
        third = shuffled(builder, blue, blue, range(2 * LANES))
        order = [i + LANES * (c) for i in range(LANES) for c in range(3)]
        whole = shuffled(builder, two, third, order)
        builder.store(whole, at(builder, args[0], whole.type), align=4)
        return context.get_dummy_value()

    return types.none(types.int64, _lanes, _lanes, _lanes), generated


@intrinsic
def chosen(_: Any, address: Any, one: Any, other: Any) -> Any:
    """The numbers of `one` where the 16 bytes at an address are not 0, those of `other` where they are."""

    def generated(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        loaded = builder.load(at(builder, args[0], BYTES), align=1)
        where = builder.icmp_unsigned("!=", loaded, ir.Constant(BYTES, [0] * LANES))
        return builder.select(where, args[1], args[2])

    return _lanes(types.int64, _lanes, _lanes), generated


@intrinsic
def store_bytes(_: Any, address: Any, values: Any) -> Any:
    """Write 16 bytes to an address: the numbers clipped to 0..255, and truncated."""

    def generated(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        builder.store(_as_bytes(builder, args[1]), at(builder, args[0], BYTES), align=1)
        return context.get_dummy_value()

    return types.none(types.int64, _lanes), generated


@intrinsic
def load_four(_: Any, first: Any, second: Any, third: Any, fourth: Any) -> Any:
    """The four bytes at each of four addresses as numbers."""

    def generated(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        words = ir.Constant(ir.VectorType(INDEX, 4), ir.Undefined)
        for i, address in enumerate(args):
            word = builder.load(at(builder, address, INDEX), align=1)
            words = builder.insert_element(words, word, ir.Constant(INDEX, i))
        numbers = builder.zext(builder.bitcast(words, BYTES), _INTEGERS)
        return builder.sitofp(numbers, _FLOATS)

    return _lanes(*[types.int64] * 4), generated


@intrinsic
def splat_four(_: Any, first: Any, second: Any, third: Any, fourth: Any) -> Any:
    """Each of four float32 in four lanes."""

    def generated(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        numbers = ir.Constant(ir.VectorType(ir.FloatType(), 4), ir.Undefined)
        for i, number in enumerate(args):
            numbers = builder.insert_element(numbers, number, ir.Constant(INDEX, i))
        return shuffled(builder, numbers, numbers, [i // 4 for i in range(LANES)])

    return _lanes(*[types.float32] * 4), generated


@intrinsic
def store_four_pixels(_: Any, address: Any, values: Any) -> Any:
    """Write the first three of every four numbers, clipped to 0..255 and truncated, as 12 bytes."""

    def generated(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        made = _as_bytes(builder, args[1])
        pixels = shuffled(builder, made, made, [4 * i + c for i in range(4) for c in range(3)])
        builder.store(pixels, at(builder, args[0], pixels.type), align=1)
        return context.get_dummy_value()

    return types.none(types.int64, _lanes), generated


def _zipped(builder: Any, lines: list[Any]) -> list[Any]:
    """The lines transposed: half of them dealt between the other half, four times over. Good for lines as short as the
    shortest vectors."""
    half = LANES // 2
    low = [i // 2 + i % 2 * LANES for i in range(LANES)]
    high = [i + half for i in low]
    for _ in range(4):
        pairs = [(lines[i], lines[i + half]) for i in range(half)]
        lines = [shuffled(builder, *pair, order) for pair in pairs for order in (low, high)]
    return lines


def _quartered(builder: Any, lines: list[Any]) -> list[Any]:
    """The lines transposed: first inside blocks of 4 x 4, then the blocks. Good for long vectors, within whose quarters
    numbers move faster than between them."""
    quarters = range(0, LANES, 4)
    halves = [[q + i + j for q in quarters for i in (0, LANES) for j in (k, k + 1)] for k in (0, 2)]
    dealt = [[q + i + j for q in quarters for i in (k, k + 1) for j in (0, LANES)] for k in (0, 2)]
    even, odd = ([q + i for q in range(first, 2 * LANES, 8) for i in range(4)] for first in (0, 4))
    blocks: list[list[Any]] = []
    for q in quarters:
        a, b, c, d = lines[q : q + 4]
        above, below = ([shuffled(builder, *pair, order) for order in dealt] for pair in ((a, b), (c, d)))
        blocks.append(
            [shuffled(builder, x, y, half) for x, y in zip(above, below, strict=True) for half in halves]
        )
    made: list[Any] = [None] * LANES
    for j, (a, b, c, d) in enumerate(zip(*blocks, strict=True)):
        for first, side in ((0, even), (4, odd)):
            left, right = shuffled(builder, a, b, side), shuffled(builder, c, d, side)
            made[first + j] = shuffled(builder, left, right, even)
            made[first + 8 + j] = shuffled(builder, left, right, odd)
    return made


transpose_floats = transposing(ir.FloatType(), _quartered)
transpose_bytes = transposing(ir.IntType(8), _zipped)


def _as_bytes(builder: Any, values: Any) -> Any:
    low, high = (splatted(builder, _FLOATS, ir.Constant(ir.FloatType(), bound)) for bound in (0.0, 255.0))
    clipped = builder.select(builder.fcmp_ordered(">", values, low), values, low)
    clipped = builder.select(builder.fcmp_ordered("<", clipped, high), clipped, high)
    return builder.trunc(builder.fptosi(clipped, _INTEGERS), BYTES)
