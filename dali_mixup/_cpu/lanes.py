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
_QUARTERS = ir.VectorType(ir.IntType(8), 4 * LANES)
_STARTS = (0, 12, 24, 32)
"""Bytes at which the quarters of 16 pixels begin; the last one ends where these end."""
_PLACES = [start + i for start in _STARTS for i in range(LANES)]
"""(64,): the byte of the 48 that is in each place of the quarters."""
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
        return context.make_tuple(
            builder, signature.return_type, _colours(builder, _quarters(builder, args[0]))
        )

    return types.UniTuple(_lanes, 3)(types.int64), generated


@intrinsic
def load_chosen(_: Any, mask: Any, one: Any, other: Any) -> Any:
    """As `load_pixels`: those at the second address where the 16 bytes at the first one are not 0, else those at the
    third one. Chosen as bytes, so colours are told apart and converted once."""

    def generated(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        loaded = builder.load(at(builder, args[0], BYTES), align=1)
        spread = shuffled(builder, loaded, loaded, [place // 3 for place in _PLACES])
        where = builder.icmp_unsigned("!=", spread, ir.Constant(_QUARTERS, [0] * len(_PLACES)))
        both = [_quarters(builder, address) for address in args[1:]]
        return context.make_tuple(
            builder, signature.return_type, _colours(builder, builder.select(where, *both))
        )

    return types.UniTuple(_lanes, 3)(*[types.int64] * 3), generated


@intrinsic
def extremes(_: Any, address: Any) -> Any:
    """(whether one of the 16 bytes at an address is not 0, whether all are 255)."""

    def generated(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        whole = ir.IntType(8 * LANES)
        loaded = builder.load(at(builder, args[0], whole), align=1)
        some = builder.icmp_unsigned("!=", loaded, ir.Constant(whole, 0))
        every = builder.icmp_unsigned("==", loaded, ir.Constant(whole, 2 ** (8 * LANES) - 1))
        return context.make_tuple(builder, signature.return_type, [some, every])

    return types.UniTuple(types.boolean, 2)(types.int64), generated


@intrinsic
def all_are(_: Any, address: Any, value: Any) -> Any:
    """Whether the 16 float32 at an address are all this one."""

    def generated(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        loaded = builder.load(at(builder, args[0], _FLOATS), align=4)
        same = builder.fcmp_ordered("==", loaded, splatted(builder, _FLOATS, args[1]))
        bits = ir.IntType(LANES)
        return builder.icmp_unsigned("==", builder.bitcast(same, bits), ir.Constant(bits, 2**LANES - 1))

    return types.boolean(types.int64, types.float32), generated


def _quarters(builder: Any, address: Any) -> Any:
    """The 48 bytes at an address as 64: four pixels at a time, each in a quarter of the vector with four bytes more."""
    parts = []
    for start in _STARTS:
        place = builder.add(address, ir.Constant(ir.IntType(64), start))
        parts.append(builder.load(at(builder, place, BYTES), align=1))
    first, second, third, fourth = parts
    left, right = (shuffled(builder, *pair, range(2 * LANES)) for pair in ((first, second), (third, fourth)))
    return shuffled(builder, left, right, range(4 * LANES))


def _colours(builder: Any, quarters: Any) -> list[Any]:
    """Each colour of 16 pixels as numbers. Bytes stay in their quarter, within which processors move them fastest, and
    come out with three zeros behind each, as whole numbers of 32 bits."""
    zero = ir.Constant(_QUARTERS, [0] * len(_PLACES))
    made = []
    for c in range(3):
        order = []
        for pixel in range(LANES):
            quarter = pixel // 4
            order += [LANES * quarter + 3 * pixel + c - _STARTS[quarter], *[len(_PLACES)] * 3]
        made.append(
            builder.sitofp(builder.bitcast(shuffled(builder, quarters, zero, order), _INTEGERS), _FLOATS)
        )
    return made


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
