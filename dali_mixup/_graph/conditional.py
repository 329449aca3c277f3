"""Samples of a batch split between two branches of a graph, and merged again.

The operators are those behind DALI's own `if`. They copy no pixels, need no `enable_conditionals`, and a branch that
gets no sample launches nothing. Neither they nor the state of DALI's own `if` are a public interface, so only this
module uses them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from nvidia.dali import backend, fn
from nvidia.dali.data_node import DataNode
from nvidia.dali.pipeline import Pipeline

ARGUMENTS = {"_conditional__Split": ("predicate", "_if_stmt"), "_conditional__Merge": ("predicate",)}


def check_operators(schema_of: Any) -> None:
    """Raise ImportError if DALI lacks these operators, or has them with other arguments.

    Args:
        schema_of: returns an operator's schema by name, or None.
    """
    for name, arguments in ARGUMENTS.items():
        schema = schema_of(name)
        if schema is None or not all(schema.HasArgument(argument) for argument in arguments):
            import nvidia.dali

            raise ImportError(
                f"DALI {nvidia.dali.__version__} has no operator {name} with {', '.join(arguments)}, which DALI 2.2 to "
                "2.4 have; install one of these, or a later dali-mixup"
            )


check_operators(backend.TryGetSchema)


def in_a_branch(pipeline: Pipeline) -> bool:
    """True while an `if` or `else` of a pipeline with `enable_conditionals` is being defined."""
    stack = getattr(pipeline, "_condition_stack", None)  # None without conditionals
    return stack is not None and stack.stack_depth() > 1


def deal(
    nodes: Mapping[str, DataNode], predicate: DataNode, here: Collection[str], there: Collection[str]
) -> tuple[dict[str, DataNode], dict[str, DataNode]]:
    """The nodes named in `here` for the samples for which the predicate holds, and those in `there` for the others.

    Everything that a branch reads must be split too: inside a branch even a constant would have the whole batch's rows.

    Args:
        predicate: () bool, on the CPU.
    """
    mine, others = {}, {}
    for name in sorted({*here, *there}):
        true, false = fn._conditional.split(nodes[name], predicate=predicate, _if_stmt=True)
        if name in here:
            mine[name] = true
        if name in there:
            others[name] = false
    return mine, others


def collect(here: DataNode, there: DataNode, predicate: DataNode) -> DataNode:
    """The samples of both branches in the batch's order; of one type, dimension and layout."""
    return fn._conditional.merge(here, there, predicate=predicate)
