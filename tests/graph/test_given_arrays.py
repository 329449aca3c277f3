"""The arrays that DALI is given are its own as long as it reads them, and no longer."""

from __future__ import annotations

import gc
import io
import weakref

import numpy as np
import pytest
import torch
from PIL import Image

from dali_mixup import MixUp, Runtime, TrainTransform, train_loader
from dali_mixup.sources import Source
from tests.odd_images import picture

BATCH, COUNT = 4, 32


def jpegs() -> list[bytes]:
    made = []
    for shade in range(COUNT):
        buffer = io.BytesIO()
        Image.fromarray(np.asarray(picture(40, 30)) // 2 + shade).save(buffer, "JPEG")
        made.append(buffer.getvalue())
    return made


class Fresh(Source):
    """Images whose arrays are counted as long as they exist."""

    read_in_dali = False

    def __init__(self) -> None:
        super().__init__([f"{i}.jpg" for i in range(COUNT)], [0] * COUNT)
        self.content = jpegs()
        self.given: list[weakref.ref[np.ndarray]] = []

    @property
    def alive(self) -> int:
        self.given = [each for each in self.given if each() is not None]
        return len(self.given)

    def feed(self, indices: np.ndarray) -> list[np.ndarray]:
        made = [np.frombuffer(bytes(bytearray(self.content[i])), np.uint8) for i in indices]
        if len(indices) > 1:
            self.given += map(weakref.ref, made)
        return made


class Reused(Fresh):
    """As careless code reads: into the same memory, batch after batch."""

    def __init__(self) -> None:
        super().__init__()
        self.memory = [np.zeros(1 << 14, np.uint8) for _ in range(BATCH)]

    def feed(self, indices: np.ndarray) -> list[np.ndarray]:
        made = []
        for memory, index in zip(self.memory, indices, strict=False):
            content = np.frombuffer(self.content[index], np.uint8)
            memory[: len(content)] = content
            made.append(memory[: len(content)])
        return made


def batches(source: Source, prefetch: int, epochs: int = 2) -> list[torch.Tensor]:
    loader = new(source, prefetch)
    with loader:
        return [images.clone() for _ in range(epochs) for images, _ in loader]


def new(source: Source, prefetch: int):  # type: ignore[no-untyped-def]
    return train_loader(
        source,
        policy=MixUp(0.2),
        batch_size=BATCH,
        transform=TrainTransform(16),
        device="cpu",
        rank=0,
        world_size=1,
        runtime=Runtime(2, prefetch=prefetch),
    )


@pytest.mark.parametrize("prefetch", [1, 2, 5])
def test_memory_that_the_source_writes_to_again(prefetch: int) -> None:
    expected, found = batches(Fresh(), prefetch), batches(Reused(), prefetch)
    assert len(expected) == 2 * COUNT // BATCH
    assert all(map(torch.equal, found, expected))


@pytest.mark.parametrize("prefetch", [1, 2, 5])
def test_images_are_kept_for_the_batches_under_way_and_freed_after_them(prefetch: int) -> None:
    source = Fresh()
    loader = new(source, prefetch)
    for _ in range(3):
        for _ in loader:
            assert prefetch * BATCH <= source.alive <= (prefetch + 3) * BATCH
    loader.close()
    gc.collect()
    assert not source.alive
