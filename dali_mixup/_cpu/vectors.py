"""What the vectors that compiled loops can hold have in common: their place in Numba, and how LLVM moves their numbers.

LLVM vectorises loops over pixels, but neither sums over a few pixels nor transpositions, so these are written down as
vectors. It splits them where a processor's are shorter.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any

from llvmlite import ir
from numba import types
from numba.core.datamodel import models
from numba.core.typing.templates import ConcreteTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin, register_model

LANES = 16
INDEX = ir.IntType(32)
BYTES = ir.VectorType(ir.IntType(8), LANES)


def vector_type(name: str, kind: Any, add: Callable[..., Any], multiply: Callable[..., Any]) -> Any:
    """Numba's type for vectors of LLVM's `kind`.

    Args:
        add, multiply: (builder, one, other) -> the vector that `+` and `*` give.
    """
    kinds = type(name, (types.Type,), {})
    made = kinds(name)

    def model(self: Any, manager: Any, of: Any) -> None:
        models.PrimitiveModel.__init__(self, manager, of, kind)

    register_model(kinds)(type(name, (models.PrimitiveModel,), {"__init__": model}))
    for symbol, function in ((operator.add, add), (operator.mul, multiply)):
        infer_global(symbol)(type(name, (ConcreteTemplate,), {"cases": [signature(made, made, made)]}))
        lower_builtin(symbol, kinds, kinds)(_lowered(function))
    return made


def _lowered(function: Callable[..., Any]) -> Any:
    def lowered(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return function(builder, *args)

    return lowered


def splatting(vector: Any, kind: Any, number: Any) -> Any:
    """The function that gives a vector with a number of Numba's type `number` in every lane."""

    @intrinsic
    def splat(_: Any, value: Any) -> Any:
        def generated(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return splatted(builder, kind, args[0])

        return vector(number), generated

    return splat


def splatting_at(vector: Any, kind: Any, align: int) -> Any:
    """The function that gives a vector with the number at an address, a multiple of `align`, in every lane."""

    @intrinsic
    def splat_at(_: Any, address: Any) -> Any:
        def generated(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            number = builder.load(at(builder, args[0], kind.element), align=align)
            return splatted(builder, kind, number)

        return vector(types.int64), generated

    return splat_at


def loading(vector: Any, kind: Any, align: int) -> Any:
    """The function that reads a vector at an address, a multiple of `align`."""

    @intrinsic
    def load(_: Any, address: Any) -> Any:
        def generated(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return builder.load(at(builder, args[0], kind), align=align)

        return vector(types.int64), generated

    return load


def storing(vector: Any, kind: Any, align: int) -> Any:
    """The function that writes a vector to an address, a multiple of `align`."""

    @intrinsic
    def store(_: Any, address: Any, values: Any) -> Any:
        def generated(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            builder.store(args[1], at(builder, args[0], kind), align=align)
            return context.get_dummy_value()

        return types.none(types.int64, vector), generated

    return store


def splatted(builder: Any, kind: Any, number: Any) -> Any:
    """A number in every lane of a vector of that kind."""
    nothing = ir.Constant(kind, ir.Undefined)
    one = builder.insert_element(nothing, number, ir.Constant(INDEX, 0))
    return shuffled(builder, one, nothing, [0] * LANES)


def shuffled(builder: Any, first: Any, second: Any, order: Sequence[int]) -> Any:
    """The lanes of both vectors, one behind the other, at these places."""
    places = ir.VectorType(INDEX, len(order))
    return builder.shuffle_vector(first, second, ir.Constant(places, list(order)))


def at(builder: Any, address: Any, kind: Any) -> Any:
    """The pointer to a value of that kind at an address."""
    return builder.inttoptr(address, kind.as_pointer())


def transposing(number: Any, network: Callable[[Any, list[Any]], list[Any]]) -> Any:
    """The function that transposes 16 x 16 numbers: from and to addresses whose lines are so many bytes apart."""
    kind = ir.VectorType(number, LANES)

    @intrinsic
    def transpose(_: Any, source: Any, step: Any, target: Any, target_step: Any) -> Any:
        def generated(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            def line(address: Any, apart: Any, i: int) -> Any:
                offset = builder.mul(apart, ir.Constant(ir.IntType(64), i))
                return at(builder, builder.add(address, offset), kind)

            lines = [builder.load(line(args[0], args[1], i), align=1) for i in range(LANES)]
            for i, made in enumerate(network(builder, lines)):
                builder.store(made, line(args[2], args[3], i), align=1)
            return context.get_dummy_value()

        return types.none(*[types.int64] * 4), generated

    return transpose
