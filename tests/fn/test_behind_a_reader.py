"""fn.mix behind DALI's own reader and decoder."""

from __future__ import annotations

from typing import Any

import torch
from nvidia.dali import fn, pipeline_def
from nvidia.dali.plugin.pytorch import DALIClassificationIterator, LastBatchPolicy

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
