"""How long a GPU loader's batches and memory live: kept batches, streams, other loaders, CUDA graphs, close()."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from dali_mixup import Runtime, val_loader
from tests.gpu.loaders import batches, train_loader


def test_batches_that_are_kept_stay_as_they_were(image_folder: Path, device: str) -> None:
    """A consumer that is slower than the loader, and keeps everything."""
    with train_loader(image_folder, device) as loader:
        kept, sums = [], []
        for _ in range(4):
            for images, _targets in loader:
                kept.append(images)
                sums.append(images.double().sum().item())
                _busy(device)
    assert [images.double().sum().item() for images in kept] == sums


@pytest.mark.parametrize("load", [0.0, 0.65])
def test_batches_used_and_dropped_on_a_side_stream(image_folder: Path, device: str, load: float) -> None:
    runtime = Runtime(cpu_kernels="dali", roi_decoding=False, num_threads=2, hw_decoder_load=load)

    def sums(busy: bool) -> list[float]:
        found = []
        with train_loader(image_folder, device, runtime=runtime) as loader, _side_stream(device):
            for _ in range(4):
                for images, _targets in loader:
                    if busy:
                        _busy(device)
                    found.append(images.double().sum())
                    del images  # while the sum is still queued
        return [x.item() for x in found]

    assert sums(busy=True) == sums(busy=False)


def test_two_loaders_at_once(image_folder: Path, imagenet_root: Path, device: str) -> None:
    alone = [images.cpu() for images, _ in batches(train_loader(image_folder, device))]
    with (
        train_loader(image_folder, device) as first,
        val_loader(imagenet_root / "val", batch_size=4, device=device) as second,
    ):
        both = [(images, other) for (images, _), (other, _) in zip(first, second, strict=True)]
    for (images, _), expected in zip(both, alone, strict=True):
        assert torch.equal(images.cpu(), expected)


def test_a_loader_beside_cuda_graphs(image_folder: Path, device: str) -> None:
    """DALI frees batches in a thread of its own while torch captures and replays."""
    network = torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 3), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()
    ).to(device)
    graphs = {"mode": "reduce-overhead"} if device == "cuda" else {"backend": "eager"}
    compiled = torch.compile(network, **graphs)
    with torch.inference_mode(), train_loader(image_folder, device) as loader:
        for _ in range(4):
            for images, _targets in loader:
                assert torch.allclose(compiled(images), network(images), atol=1e-3)


@pytest.mark.gpu
def test_closing_gives_the_memory_back(image_folder: Path) -> None:
    torch.zeros(1, device="cuda")
    before = torch.cuda.mem_get_info()[0]
    for _ in range(3):
        batches(train_loader(image_folder, "cuda"))
    torch.cuda.empty_cache()
    assert before - torch.cuda.mem_get_info()[0] < 512 * 2**20  # what CUDA itself keeps for its modules


def _busy(device: str) -> None:
    """About 50 ms of work queued on the GPU's current stream."""
    if device == "cuda":
        work = torch.randn(8192, 8192, device="cuda")
        for _ in range(3):
            work @ work


@contextlib.contextmanager
def _side_stream(device: str) -> Iterator[None]:
    if device == "cpu":
        yield
        return
    with torch.cuda.stream(torch.cuda.Stream()):
        yield
    torch.cuda.synchronize()
