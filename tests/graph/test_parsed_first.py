"""No decoder is given a file before the headers of the whole batch were parsed: what does not parse kills it, and the
process (docs/upstream/bad-file-crash.md)."""

from __future__ import annotations

from collections.abc import Iterator

from nvidia.dali import Pipeline

from dali_mixup import CutMix, MixUp, View, train_loader, val_loader
from dali_mixup._loader.cursor import Cursor
from dali_mixup._loader.loader import MixLoader
from dali_mixup._loader.run import PipelineRun
from dali_mixup.augment import TrainTransform
from tests.gpu.dry_run import graph_of
from tests.gpu.graphs import DATA, PAIRS, of_loaders

PARSER = "PeekImageShape"


def built(loader: MixLoader) -> Pipeline:
    return graph_of(lambda: PipelineRun(loader.spec, loader._progress.bad, Cursor(0)))


def with_compiled_kernels() -> Iterator[Pipeline]:
    """The graphs on the CPU; those of `of_loaders` are the GPU's."""
    for crop in ("resized", "padded", "rkrc", "rkrr"):
        transform = TrainTransform(32, crop=crop)  # type: ignore[arg-type]
        for data in (DATA, PAIRS):
            yield built(train_loader(data, policy=CutMix(), transform=transform, batch_size=8, device="cpu"))
    two = (View(TrainTransform(), policy=MixUp()), View(TrainTransform(96), count=2))
    shared = (View(TrainTransform()), View(TrainTransform(), window="shared"))
    for views in (two, shared):
        yield built(train_loader(DATA, views=views, batch_size=8, device="cpu"))
    yield built(val_loader(DATA, batch_size=8, device="cpu"))


def early_decoders(pipeline: Pipeline) -> tuple[int, list[str]]:
    """The number of a graph's decoders, and the names of those that do not wait for the parser."""
    pipeline._build_graph()
    after: set[str] = set()  # outputs that need the parser's
    decoders, early = 0, []
    for node in pipeline._ops:
        spec, name = node.spec, node._op._schema.Name()
        waits = name == PARSER or any(spec.InputName(i) in after for i in range(spec.NumInput()))
        if waits:
            after |= {spec.OutputName(i) for i in range(spec.NumOutput())}
        if name.startswith("decoders__"):
            decoders += 1
            early += [] if waits else [f"{node.name} ({name})"]
    return decoders, early


def test_every_decoder_of_every_loader_waits_for_the_parser() -> None:
    seen = [early_decoders(pipeline) for pipeline in (*of_loaders(), *with_compiled_kernels())]
    assert len(seen) > 60 and all(decoders for decoders, _ in seen)
    assert [early for _, early in seen if early] == []
