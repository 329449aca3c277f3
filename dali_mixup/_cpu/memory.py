"""Cache lines: asking for them before they are needed, and writing whole ones past the cache."""

from __future__ import annotations

from typing import Any

import numba
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from dali_mixup._cpu.abi import array_at, copy_numbers
from dali_mixup._cpu.vectors import INDEX, at

compiled = numba.njit(error_model="numpy")

CACHE_LINE = 64
_LINE = ir.VectorType(ir.IntType(8), CACHE_LINE)


def _prefetching(to_write: bool) -> Any:
    @intrinsic
    def prefetch(_: Any, address: Any) -> Any:
        def generated(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            pointer = ir.IntType(8).as_pointer()
            kind = ir.FunctionType(ir.VoidType(), [pointer, INDEX, INDEX, INDEX])
            called = builder.module.declare_intrinsic("llvm.prefetch", [pointer], kind)
            write, near, data = (ir.Constant(INDEX, value) for value in (int(to_write), 3, 1))
            builder.call(called, [at(builder, args[0], ir.IntType(8)), write, near, data])
            return context.get_dummy_value()

        return types.none(types.int64), generated

    return prefetch


_prefetch = _prefetching(to_write=False)
_prefetch_to_write = _prefetching(to_write=True)


@compiled
def ask_for(start: int, count: int) -> None:
    """Ask for `count` bytes, which need not be there, before they are read. Processors fetch what follows by
    themselves, but neither parts of an image's lines nor anything beyond a page of memory."""
    for offset in range(0, count, CACHE_LINE):
        _prefetch(start + offset)


@compiled
def ask_for_room(start: int, count: int) -> None:
    """As `ask_for`, before they are written."""
    for offset in range(0, count, CACHE_LINE):
        _prefetch_to_write(start + offset)


@intrinsic
def copy_cache_line(_: Any, target: Any, source: Any) -> Any:
    """Copy the 64 bytes at an address."""

    def generated(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        line = builder.load(at(builder, args[1], _LINE), align=1)
        builder.store(line, at(builder, args[0], _LINE), align=1)
        return context.get_dummy_value()

    return types.none(types.int64, types.int64), generated


@intrinsic
def send_cache_line(_: Any, target: Any, source: Any) -> Any:
    """Copy the 64 bytes at an address to another one, a multiple of 64, past the cache."""

    def generated(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        line = builder.load(at(builder, args[1], _LINE), align=1)
        stored = builder.store(line, at(builder, args[0], _LINE), align=CACHE_LINE)
        stored.set_metadata("nontemporal", builder.module.add_metadata([ir.Constant(INDEX, 1)]))
        return context.get_dummy_value()

    return types.none(types.int64, types.int64), generated


@intrinsic
def sent(_: Any) -> Any:
    """What was sent past the cache is there for other threads before what follows."""

    def generated(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        builder.fence("seq_cst")
        return context.get_dummy_value()

    return types.none(), generated


@compiled
def copied(target: int, source: int, count: int, past_cache: bool) -> None:
    """Copies `count` bytes from one address to another, past the cache if they are whole lines of it."""
    if past_cache and target % CACHE_LINE == 0 and count % CACHE_LINE == 0:
        for i in range(0, count, CACHE_LINE):
            send_cache_line(target + i, source + i)
    elif count >= CACHE_LINE:
        for i in range(0, count, CACHE_LINE):
            v = min(i, count - CACHE_LINE)  # the last one overlaps the one before
            copy_cache_line(target + v, source + v)
    else:
        copy_numbers(array_at(source, count), array_at(target, count))
