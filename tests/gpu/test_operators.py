"""Every operator that runs on a GPU was read, and docs/gpu.md says what was found."""

from __future__ import annotations

import re
from pathlib import Path

from nvidia.dali import Pipeline, StreamPolicy

from tests.gpu.dry_run import device_of_input
from tests.gpu.graphs import of_loaders
from tests.gpu.operators import used

PAGE = Path(__file__).parents[2] / "docs" / "gpu.md"


def described() -> list[str]:
    """The operators in the first column of the page's table of operators."""
    section = PAGE.read_text(encoding="utf-8").partition("## Operators")[2].partition("\n## ")[0]
    cells = re.findall(r"^\| (`.*?`) \|", section, re.MULTILINE)
    return [name for cell in cells for name in re.findall(r"`(\w+)`", cell)]


def test_every_operator_on_the_gpu_is_described_and_no_other() -> None:
    names = described()
    assert len(set(names)) == len(names)
    assert set(names) == {kind.operator for kind in used() if kind.device != "cpu"}


SHAPES = ("Shapes", "_Shape")


def test_what_is_decoded_is_read_by_gpu_operators_only() -> None:
    """The decoder writes without waiting for its stream (`skip_pre_sync`). That is safe as long as the memory was last
    used on another one, which a batch's GPU operators have with this stream policy, and an output would not. An image's
    shape is no pixel of it, and may be read on the CPU."""
    for pipeline in of_loaders():
        pipeline._build_graph()
        assert pipeline.stream_policy in (None, StreamPolicy.PER_BACKEND)
        assert readers_of_decoders(pipeline) == {"gpu"}


def readers_of_decoders(pipeline: Pipeline) -> set[str]:
    specs = [(node._op.device, node.spec) for node in pipeline._ops if node._op._schema.Name() not in SHAPES]
    made = {
        spec.OutputName(i) for device, spec in specs for i in range(spec.NumOutput()) if device == "mixed"
    }
    assert made
    readers = {
        device
        for device, spec in specs
        for i in range(spec.NumInput())
        if spec.InputName(i) in made and device_of_input(spec, i) == "gpu"
    }
    outputs = {node.name for node in pipeline._graph_outputs}
    return readers | ({"output"} if made & outputs else set())
