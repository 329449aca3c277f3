"""fn.mix behind DALI's own reader and decoder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from nvidia.dali import fn, pipeline_def
from nvidia.dali.plugin.pytorch import DALIClassificationIterator, DALIGenericIterator, LastBatchPolicy

from dali_mixup._decide.policy import MixPolicy
from dali_mixup._decide.schedule import Schedule
from dali_mixup._graph.options import Output
from dali_mixup.fn import mix
from dali_mixup.methods import CutMix, MixUp


def test_a_schedule_acts_under_dalis_iterator(image_folder: Any) -> None:
    """Case 21: with the argument that makes it act."""
    policy = MixPolicy(MixUp(1.0), schedule=Schedule(stop=1))

    @pipeline_def(batch_size=6, num_threads=2, device_id=None)
    def graph():  # type: ignore[no-untyped-def]
        encoded, labels = fn.readers.file(
            file_root=str(image_folder), name="train", random_shuffle=True, seed=1
        )
        images = fn.resize(fn.decoders.image(encoded), resize_x=32, resize_y=32)
        return mix(images, labels, policy, num_classes=4, image_size=32, output=Output(), steps_per_epoch=4)

    batches = DALIClassificationIterator(graph(), reader_name="train", last_batch_policy=LastBatchPolicy.DROP)
    mixed = []
    for _ in range(3):
        mixed.append(sum(int((batch[0]["label"].max(1).values < 0.999).sum()) for batch in batches))
        batches.reset()
    assert mixed[0] > 0 and mixed[1:] == [0, 0]


def test_behind_dalis_own_file_reader(image_folder: Any) -> None:
    """The three lines of README: a reader, a decoder, mix."""
    policy = MixPolicy([MixUp(0.8), CutMix(1.0)])

    @pipeline_def(batch_size=6, num_threads=2, device_id=None)
    def graph():  # type: ignore[no-untyped-def]
        encoded, labels = fn.readers.file(file_root=str(image_folder), name="train")
        images = fn.resize(fn.decoders.image(encoded), resize_x=32, resize_y=32)
        return mix(images, labels, policy, num_classes=4, image_size=32, output=Output())

    pipe = graph()
    pipe.build()
    for _ in range(5):
        images, targets = (torch.from_dlpack(o.as_tensor()) for o in pipe.run())
        assert images.shape == (6, 3, 32, 32) and images.dtype == torch.float32
        assert targets.shape == (6, 4) and torch.allclose(targets.sum(1), torch.ones(6))


@pytest.mark.parametrize(("samples", "shards"), [(9, 1), (10, 1), (12, 1), (16, 2), (18, 2)])
def test_an_epoch_has_the_batches_that_the_pipeline_runs(tmp_path: Path, samples: int, shards: int) -> None:
    """As docs/your-own-pipeline.md advises: the reader pads, the iterator drops, and the dropped batch counts."""
    files = [tmp_path / f"{i}.bin" for i in range(samples)]
    for file in files:
        file.write_bytes(bytes(4))
    policy = MixPolicy(MixUp(1.0), granularity="sample", partners="roll")
    share = samples // shards

    @pipeline_def(batch_size=4, num_threads=1, device_id=None)
    def graph():  # type: ignore[no-untyped-def]
        rows, labels = fn.readers.file(
            files=[str(file) for file in files],
            labels=list(range(samples)),
            pad_last_batch=True,
            shard_id=shards - 1,
            num_shards=shards,
            name="train",
        )
        steps = -(-share // 4)
        rows, _, plan = mix(
            rows, labels, policy, num_classes=samples, steps_per_epoch=steps, return_plan=True
        )
        return rows, plan.weights

    batches = DALIGenericIterator(
        graph(),
        ["rows", "weights"],
        reader_name="train",
        last_batch_policy=LastBatchPolicy.DROP,
        auto_reset=True,
    )
    for epoch in range(4):
        found = [batch["weights"].numpy() for (batch,) in batches]
        plans = [policy.plan(4, seed=0, epoch=epoch, step=step) for step in range(share // 4)]
        np.testing.assert_array_equal(found, [plan.weights for plan in plans])
