"""The operators of the GPU graphs, their devices, inputs and arguments; `python -m tests.gpu.operators` prints them.

docs/gpu.md says of each one what its GPU kernel does differently; `test_operators` sees to it that none is left out.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from nvidia.dali import Pipeline

from tests.gpu.dry_run import arguments_of, device_of_input
from tests.gpu.graphs import of_everything

BOOKKEEPING = {"device", "preserve", "preserve_name", "seed"}
"""Arguments that say nothing about the work, apart from those that begin with an underscore."""


class Kind(NamedTuple):
    """One way in which an operator is used."""

    operator: str
    device: str
    inputs: tuple[str, ...]
    fixed: tuple[str, ...]  # arguments with one value for the whole batch
    each: int  # number of arguments with a value for each sample, from the CPU

    def __str__(self) -> str:
        return (
            f"{self.operator} ({self.device}) of {', '.join(self.inputs) or 'nothing'}"
            f"; fixed: {', '.join(self.fixed) or '-'}; of each sample: {self.each}"
        )


def kinds(pipeline: Pipeline) -> Counter[Kind]:
    """How often each kind occurs in a graph."""
    found: Counter[Kind] = Counter()
    for node in pipeline._ops:
        spec = node.spec
        regular = spec.NumRegularInput()
        fixed = sorted(name for name in arguments_of(spec) if name[0] != "_" and name not in BOOKKEEPING)
        inputs = tuple(device_of_input(spec, i) for i in range(regular))
        kind = Kind(node._op._schema.Name(), node._op.device, inputs, tuple(fixed), spec.NumInput() - regular)
        found[kind] += 1
    return found


def used() -> Counter[Kind]:
    """The kinds in all graphs together."""
    found: Counter[Kind] = Counter()
    for pipeline in of_everything():
        pipeline._build_graph()
        found += kinds(pipeline)
    return found


if __name__ == "__main__":
    for kind, count in sorted(used().items()):
        if kind.device != "cpu":
            print(f"{count:5} x {kind}")
