"""fn.mix behind DALI's proxy: PyTorch's DataLoader reads, one pipeline in the main process decodes and mixes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from nvidia.dali import fn, pipeline_def
from nvidia.dali.plugin.pytorch.experimental import proxy

from dali_mixup import CutMix, MixPolicy, MixUp, Output
from dali_mixup.fn import mix

COUNT, MOST, SIZE = 20, 6, 12
POLICY = MixPolicy([MixUp(0.8), CutMix(1.0)], granularity="sample")


class Rows(torch.utils.data.Dataset[Any]):
    """Row i is an image of level 10 i, of class i; with its number, which does not go through DALI."""

    def __init__(self, through: Any):
        self.through = through

    def __len__(self) -> int:
        return COUNT

    def __getitem__(self, i: int) -> tuple[int, Any]:
        return i, self.through(
            images=np.full((SIZE, SIZE, 3), 10 * i, np.uint8), labels=np.array([i], np.int32)
        )


@pipeline_def(batch_size=MOST, num_threads=2, device_id=None, prefetch_queue_depth=4)
def graph():  # type: ignore[no-untyped-def]
    images = fn.external_source(name="images", no_copy=True, layout="HWC")
    labels = fn.external_source(name="labels", no_copy=True)
    return mix(images, labels, POLICY, image_size=SIZE, num_classes=COUNT, seed=5, output=Output(0.0, 10.0))


def batches(workers: int, deterministic: bool, epochs: int = 2) -> Iterator[list[torch.Tensor]]:
    with proxy.DALIServer(graph(), deterministic=deterministic) as server:
        loader = proxy.DataLoader(
            server,
            Rows(server.proxy),
            batch_size=MOST,
            num_workers=workers,
            multiprocessing_context="fork",  # the proxy cannot be pickled, as Python 3.14's workers need it
            timeout=60,
        )
        for _ in range(epochs):
            for numbers, (images, targets) in loader:
                yield [numbers, images, targets]


@pytest.mark.parametrize("deterministic", [False, True])
def test_every_batch_is_mixed_within_its_own_rows(deterministic: bool) -> None:
    """With deterministic=True also by the plans in order; without it, workers may finish their batches in any order."""
    sizes = []
    for step, (numbers, images, targets) in enumerate(batches(2, deterministic)):
        sizes.append(len(numbers))
        outside = torch.ones(COUNT, dtype=bool)
        outside[numbers] = False
        assert not targets[:, outside].any() and torch.allclose(targets.sum(1), torch.ones(len(targets)))
        # Levels are ten times the class, so an image's mean is the mean of its targets.
        levels = targets.double() @ torch.arange(COUNT, dtype=torch.float64)
        assert torch.allclose(images.double().mean((1, 2, 3)), levels, atol=1e-4)
        if deterministic:
            assert np.abs(targets.numpy() - planned(numbers.numpy(), step)).max() < 1e-6
    assert sizes == [6, 6, 6, 2] * 2


def planned(numbers: np.ndarray, step: int) -> np.ndarray:
    plan = POLICY.plan(len(numbers), SIZE, SIZE, seed=5, epoch=0, step=step)
    expected = np.zeros((len(numbers), COUNT))
    np.add.at(expected, (np.arange(len(numbers))[:, None], numbers[plan.partners]), plan.weights)
    return expected
