"""Batches of fewer rows than the pipeline's batch size: partners are real rows, and the plan is that of these rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from nvidia.dali import fn, pipeline_def
from nvidia.dali.pipeline import Pipeline
from nvidia.dali.plugin.pytorch import DALIGenericIterator

from dali_mixup import CutMix, MixPolicy, MixUp, Output
from dali_mixup.fn import mix
from dali_mixup.methods import REGISTRY

MOST, H, W = 6, 66, 70
UNIT = Output(mean=0, std=255, channels_last=True)  # pixels in 0..1
SIZES = (6, 4, 1, 6, 3)
BOTH = MixPolicy([MixUp(0.8), CutMix(1.0)], granularity="sample")


def coded(rows: int) -> np.ndarray:
    """(rows, H, W, MOST): row i is white in channel i alone, so the mean of a channel is the share of its row."""
    eye = 255 * np.eye(rows, MOST, dtype=np.uint8)
    return np.ascontiguousarray(np.broadcast_to(eye[:, None, None], (rows, H, W, MOST)))


class Feed:
    """Batches of those sizes, and the addresses at which DALI asked for them; `epochal`: then the data end."""

    def __init__(self, sizes: Sequence[int], epochal: bool = False):
        self.sizes, self.epochal = sizes, epochal
        self.asked: list[tuple[int, int, int]] = []

    def __call__(self, info: Any) -> tuple[np.ndarray, np.ndarray]:
        if self.epochal and info.iteration >= len(self.sizes):
            raise StopIteration
        rows = self.sizes[info.iteration % len(self.sizes)]
        self.asked.append((info.epoch_idx, info.iteration, rows))
        return coded(rows), np.arange(rows, dtype=np.int32)


def pipeline(feed: Feed, policy: MixPolicy = BOTH, conditionals: bool = False, **options: Any) -> Pipeline:
    @pipeline_def(
        batch_size=MOST,
        num_threads=2,
        device_id=None,
        enable_conditionals=conditionals,
        enable_checkpointing=True,
        **options,
    )
    def graph():  # type: ignore[no-untyped-def]
        x, y = fn.external_source(
            source=feed, num_outputs=2, batch=True, batch_info=True, layout=["HWC", None]
        )
        return mix(x, y, policy, image_size=(H, W), num_classes=MOST, seed=5, output=UNIT)

    pipe = graph()
    pipe.build()
    return pipe


def batches(pipe: Pipeline, count: int) -> list[tuple[np.ndarray, np.ndarray]]:
    return [tuple(np.array(output.as_tensor()) for output in pipe.run()) for _ in range(count)]


def planned(policy: MixPolicy, epoch: int, step: int, rows: int, seed: int = 5) -> np.ndarray:
    plan = policy.plan(rows, H, W, seed=seed, epoch=epoch, step=step)
    dense = np.zeros((rows, MOST))
    np.add.at(dense, (np.arange(rows)[:, None], plan.partners), plan.weights)
    return dense


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_pixels_and_targets_follow_the_plan_of_the_real_rows(name: str) -> None:
    policy = MixPolicy(REGISTRY[name](), granularity="sample")
    for step, (images, targets) in enumerate(batches(pipeline(Feed(SIZES), policy), len(SIZES))):
        assert len(images) == SIZES[step]
        np.testing.assert_allclose(targets, planned(policy, 0, step, SIZES[step]), atol=1e-6)
        np.testing.assert_allclose(images.mean((1, 2), dtype=np.float64), targets, atol=1e-6)


@pytest.mark.parametrize("conditionals", [False, True])
@pytest.mark.parametrize("options", [{}, {"exec_dynamic": False}, {"prefetch_queue_depth": 5}], ids=str)
def test_in_any_executor(conditionals: bool, options: dict[str, Any]) -> None:
    pipe = pipeline(Feed(SIZES), conditionals=conditionals, **options)
    for step, (_, targets) in enumerate(batches(pipe, 2 * len(SIZES))):
        np.testing.assert_allclose(targets, planned(BOTH, 0, step, SIZES[step % len(SIZES)]), atol=1e-6)


def test_a_checkpoint_continues_with_the_next_rows_and_plans() -> None:
    expected = batches(pipeline(Feed(SIZES)), 8)
    pipe = pipeline(Feed(SIZES))
    batches(pipe, 3)
    restored = pipeline(Feed(SIZES), checkpoint=pipe.checkpoint())
    for (images, targets), (theirs, soft) in zip(expected[3:], batches(restored, 5), strict=True):
        np.testing.assert_array_equal(images, theirs)
        np.testing.assert_array_equal(targets, soft)


def test_a_checkpoint_of_a_later_epoch_continues_in_it() -> None:
    pipe = pipeline(Feed(SIZES, epochal=True))
    batches(pipe, len(SIZES))
    with pytest.raises(StopIteration):
        pipe.run()
    pipe.reset()
    batches(pipe, 2)
    restored = pipeline(Feed(SIZES, epochal=True), checkpoint=pipe.checkpoint())
    for step, (_, targets) in enumerate(batches(restored, 2), 2):
        np.testing.assert_allclose(targets, planned(BOTH, 1, step, SIZES[step]), atol=1e-6)


@pytest.mark.parametrize("prefetch", [1, 3])
def test_the_last_batch_of_an_epoch_under_dalis_iterator(prefetch: int) -> None:
    """The epoch and the step are those that DALI tells its external sources."""
    feed = Feed(SIZES, epochal=True)
    iterator = DALIGenericIterator(
        pipeline(feed, prefetch_queue_depth=prefetch), ["images", "targets"], auto_reset=True
    )
    got = [batch[0]["targets"].numpy() for _ in range(3) for batch in iterator]
    expected = [(epoch, step, rows) for epoch in range(3) for step, rows in enumerate(SIZES)]
    assert feed.asked[: len(expected)] == expected
    for address, targets in zip(expected, got, strict=True):
        np.testing.assert_allclose(targets, planned(BOTH, *address), atol=1e-6)


def test_two_mixes_in_one_pipeline_have_the_same_addresses() -> None:
    """As for the labelled and the unlabelled half of a batch."""

    @pipeline_def(batch_size=MOST, num_threads=2, device_id=None)
    def graph():  # type: ignore[no-untyped-def]
        x, y = fn.external_source(source=Feed(SIZES), num_outputs=2, batch=True, batch_info=True)
        arguments = {"image_size": (H, W), "num_classes": MOST, "layout": "HWC"}
        return *mix(x, y, BOTH, seed=5, **arguments), *mix(x, y, BOTH, seed=6, **arguments)

    for step, (_, first, _, second) in enumerate(batches(graph(), len(SIZES))):
        for targets, seed in ((first, 5), (second, 6)):
            np.testing.assert_allclose(targets, planned(BOTH, 0, step, SIZES[step], seed), atol=1e-6)


def test_the_batches_of_a_pipeline_that_feeds_itself() -> None:
    """A subclass may override `iter_setup`, where the addresses are read."""

    class Fed(Pipeline):
        def __init__(self) -> None:
            super().__init__(MOST, num_threads=2, device_id=None, prefetch_queue_depth=1)
            self.fed = 0

        def iter_setup(self) -> None:
            rows = SIZES[self.fed]
            self.fed += 1
            self.feed_input("x", coded(rows))
            self.feed_input("y", np.arange(rows, dtype=np.int32))

        def define_graph(self) -> Any:
            x, y = fn.external_source(name="x"), fn.external_source(name="y")
            return mix(x, y, BOTH, image_size=(H, W), num_classes=MOST, seed=5)

    for step, (_, targets) in enumerate(batches(Fed(), len(SIZES))):
        np.testing.assert_allclose(targets, planned(BOTH, 0, step, SIZES[step]), atol=1e-6)


def test_a_pipeline_is_released_with_its_last_name() -> None:
    """The addresses are read by a function that the pipeline holds; a cycle would keep its memory for a while."""
    import gc
    import weakref

    pipe = pipeline(Feed(SIZES))
    batches(pipe, 1)
    alive = weakref.ref(pipe)
    gc.disable()
    try:
        del pipe
        assert alive() is None
    finally:
        gc.enable()
