"""What a graph that somebody else wrote contains: operators of which a saved state does not have everything.

How a built pipeline lists its operators is no public interface of DALI, so only this module asks it.
"""

from __future__ import annotations

from typing import Any

from nvidia.dali import Pipeline

FED = "ExternalSource"
PYTHON = "DLTensorPythonFunctionImpl"


def fed_from_outside(pipeline: Pipeline) -> int:
    """The number of external sources of a built pipeline."""
    return sum(_kind(node) == FED for node in pipeline._ops)


def runs_python(pipeline: Pipeline) -> bool:
    """True if an operator of a built pipeline calls a Python function for its batches."""
    return any(_kind(node) == PYTHON for node in pipeline._ops)


def fixed_seeds(pipeline: Pipeline) -> tuple[str, ...]:
    """Names of the random operators of a built pipeline that were given a seed."""
    return tuple(_called(node) for node in pipeline._ops if _seed(node) is not None)


def _kind(node: Any) -> str:
    return str(node._op._schema.Name())


def _called(node: Any) -> str:
    """The operator's name in `nvidia.dali.fn`."""
    return "fn." + _kind(node).replace("__", ".").lower()


def _seed(node: Any) -> int | None:
    seed = node._op._init_args.get("seed")
    return None if seed is None or seed < 0 else int(seed)
