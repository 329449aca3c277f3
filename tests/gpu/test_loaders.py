"""What a GPU loader hands out: the CPU's batches, but for the decoder, whatever the options, streams and neighbours."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from dali_mixup import (
    CutMix,
    Extra,
    HandOver,
    LabelDistance,
    LabelVectors,
    MixLoader,
    MixPolicy,
    MixUp,
    Output,
    Runtime,
    Skip,
    TrainTransform,
    Unlabelled,
    View,
    open_source,
    val_loader,
)
from dali_mixup import train_loader as make
from dali_mixup.augment import RandomErasing
from dali_mixup.methods import REGISTRY
from tests.extras import as_float, invert, jitter, speckle
from tests.extras import noisy as noise
from tests.masks import make_pairs

SIZE = 64
BOTH = MixPolicy([MixUp(0.8), CutMix(1.0)], granularity="sample")
# Deviation from the CPU's images that the decoder may cause, in deviations of the data (0.05 is 3 grey levels).
DECODER = 0.05


def train_loader(data: Any, device: str, policy: Any = BOTH, **options: Any) -> MixLoader:
    """With DALI's operators and whole images decoded, so that both devices do the same."""
    runtime = Runtime(cpu_kernels="dali", roi_decoding=False, num_threads=2)
    given = {
        "batch_size": 8,
        "seed": 5,
        "runtime": runtime,
        "policy": policy,
        "transform": TrainTransform(SIZE),
    }
    return make(data, device=device, **(given | options))


def batches(loader: MixLoader) -> list[tuple[Any, ...]]:
    with loader:
        return list(loader)


def assert_alike(image: torch.Tensor, expected: torch.Tensor, device: str) -> None:
    assert image.device.type == device and image.shape == expected.shape and image.isfinite().all()
    assert (image.float().cpu() - expected.float()).abs().mean() < DECODER


@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_types_and_layouts(image_folder: Path, device: str, dtype: str, channels_last: bool) -> None:
    output = Output(dtype=dtype, channels_last=channels_last)
    expected = batches(train_loader(image_folder, "cpu"))
    for (images, targets), (own, same) in zip(
        batches(train_loader(image_folder, device, output=output)), expected, strict=True
    ):
        assert images.dtype == getattr(torch, dtype) and targets.dtype == torch.float32
        assert images.is_contiguous(
            memory_format=torch.channels_last if channels_last else torch.contiguous_format
        )
        assert_alike(images, own, device)
        assert torch.equal(targets.cpu(), same)


def test_functions_of_a_user(image_folder: Path, device: str) -> None:
    """In the graph without random numbers as on the CPU; random ones in the graph and on the batch are repeated."""
    places: Any = ("after_decode", "after_crop", "before_mix")
    still = TrainTransform(SIZE, extra=[Extra(invert, place) for place in places])
    noisy = TrainTransform(
        SIZE,
        extra=[
            *(Extra(speckle, place) for place in places),
            Extra(jitter, "after_mix"),
            Extra(noise, "batch"),
        ],
    )
    expected = batches(train_loader(image_folder, "cpu", transform=still))
    for (images, _), (own, _) in zip(
        batches(train_loader(image_folder, device, transform=still)), expected, strict=True
    ):
        assert_alike(images, own, device)
    first, second = (batches(train_loader(image_folder, device, transform=noisy)) for _ in range(2))
    assert all(torch.equal(a[0], b[0]) for a, b in zip(first, second, strict=True))
    with pytest.raises(ValueError, match="returned float images"):
        batches(
            train_loader(
                image_folder, device, transform=TrainTransform(SIZE, extra=[Extra(as_float, "after_crop")])
            )
        )


@pytest.mark.parametrize("granularity", ["batch", "sample"])
@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_every_method(image_folder: Path, device: str, name: str, granularity: str) -> None:
    policy = MixPolicy([REGISTRY[name]()], granularity=granularity)
    pairs = zip(
        batches(train_loader(image_folder, device, policy)),
        batches(train_loader(image_folder, "cpu", policy)),
        strict=True,
    )
    for (images, targets), (expected, same) in pairs:
        assert_alike(images, expected, device)
        assert torch.equal(targets.cpu(), same)


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("place", ["before_mix", "after_mix"])
@pytest.mark.parametrize("mode", ["const", "rand", "pixel"])
def test_erasing(image_folder: Path, device: str, mode: str, place: str, dtype: str) -> None:
    erasing = RandomErasing(1.0, mode, area=(0.2, 0.2), place=place)
    options = {"transform": TrainTransform(SIZE, random_erasing=erasing), "output": Output(dtype=dtype)}
    plain = {"transform": TrainTransform(SIZE), "output": Output(dtype=dtype)}
    for (images, _), (whole, _) in zip(
        batches(train_loader(image_folder, device, None, **options)),
        batches(train_loader(image_folder, device, None, **plain)),
        strict=True,
    ):
        erased = (images != whole).any(1).float().mean((1, 2))
        assert images.isfinite().all() and ((erased > 0.1) & (erased < 0.3)).all()


def test_what_comes_with_a_batch(image_folder: Path, device: str) -> None:
    stream = Unlabelled(image_folder, batch_size=3, views=[View(), View(size=32, window="shared")])
    handover = HandOver(clean=True, unlabelled=stream)
    pairs = zip(
        batches(train_loader(image_folder, device, handover=handover)),
        batches(train_loader(image_folder, "cpu", handover=handover)),
        strict=True,
    )
    for (images, _, record), (_, _, expected) in pairs:
        assert_alike(record.clean, expected.clean, device)
        for mine, other in zip(record.unlabelled, expected.unlabelled, strict=True):
            assert_alike(mine, other, device)
        alone = (record.method < 0).to(images.device)
        assert torch.equal(images[alone], record.clean[alone])


@pytest.mark.parametrize(
    "partners", ["balanced", LabelDistance(0.5), LabelDistance(0.5, within="batch")], ids=repr
)
def test_partners_from_the_data(image_folder: Path, device: str, partners: Any) -> None:
    policy = replace(BOTH, partners=partners)
    samples = len(open_source(image_folder).labels)
    options = {"labels": LabelVectors([[i % 7, i % 3] for i in range(samples)])}
    pairs = zip(
        batches(train_loader(image_folder, device, policy, **options)),
        batches(train_loader(image_folder, "cpu", policy, **options)),
        strict=True,
    )
    for (images, targets), (expected, same) in pairs:
        assert_alike(images, expected, device)
        assert torch.equal(targets.cpu(), same)


def test_views(image_folder: Path, device: str) -> None:
    """Windows of one decoded image, shared and own, mixed and not, and views of unlabelled samples alone."""
    views = [View(), View(size=32, window="shared"), View(TrainTransform(32, gaussian_blur=1.0), policy=BOTH)]
    stream = Unlabelled(image_folder, batch_size=3, views=[View(), View(size=48)])
    given = {"policy": None, "views": views, "handover": HandOver(unlabelled=stream)}
    pairs = zip(
        batches(train_loader(image_folder, device, **given)),
        batches(train_loader(image_folder, "cpu", **given)),
        strict=True,
    )
    for (images, targets, record), (others, expected, other) in pairs:
        assert [tuple(view.shape[2:]) for view in images] == [(64, 64), (32, 32), (32, 32)]
        for mine, theirs in zip((*images, *record.unlabelled), (*others, *other.unlabelled), strict=True):
            assert_alike(mine, theirs, device)
        for mine, theirs in zip(targets, expected, strict=True):
            assert torch.equal(mine.cpu(), theirs)


@pytest.mark.parametrize("options", [{}, {"crop": "padded"}], ids=["resized", "padded"])
def test_images_with_masks(tmp_path: Path, device: str, options: dict[str, Any]) -> None:
    folders = make_pairs(tmp_path)
    source = open_source(folders[0], masks=folders[1], classes=list("abcde"))
    for targets, policy in (("labels", CutMix()), ("dense", BOTH)):
        given = {"policy": policy, "targets": targets, "transform": TrainTransform(SIZE, **options)}
        mine, expected = (batches(train_loader(source, where, **given)) for where in (device, "cpu"))
        for (images, maps), (other, same) in zip(mine, expected, strict=True):
            assert_alike(images, other, device)
            assert maps.device.type == device and torch.allclose(maps.cpu(), same)


def test_validation(imagenet_root: Path, device: str) -> None:
    output = Output(dtype="float16", channels_last=True)
    ours, expected = (
        batches(val_loader(imagenet_root / "val", batch_size=5, device=where, output=output))
        for where in (device, "cpu")
    )
    assert [len(labels) for _, labels in ours] == [5, 5, 2]
    for (images, labels), (other, same) in zip(ours, expected, strict=True):
        assert_alike(images, other, device)
        assert torch.equal(labels.cpu(), same)


def test_a_bad_file_is_skipped(pictures: list[tuple[str, int]], device: str) -> None:
    Path(pictures[9][0]).write_bytes(b"no picture")
    loader = train_loader(pictures, device, bad_files=Skip(at_most=1))
    assert len(batches(loader)) == 3
    assert loader.skipped == (pictures[9][0],)


def test_a_run_resumes_in_the_middle(image_folder: Path, device: str) -> None:
    with train_loader(image_folder, device) as loader:
        whole = [images.clone() for images, _ in loader]
    with train_loader(image_folder, device) as first:
        next(iter(first))
        state = json.loads(json.dumps(first.state_dict()))
    with train_loader(image_folder, device) as second:
        second.load_state_dict(state)
        rest = [images for images, _ in second]
    assert len(rest) == len(whole) - 1
    for mine, other in zip(rest, whole[1:], strict=True):
        assert_alike(mine, other.cpu(), device)


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


@pytest.mark.gpu
def test_a_pipeline_that_fails_on_the_gpu_shows_the_gpus_error(image_folder: Path) -> None:
    loader = train_loader(image_folder, "cuda")
    first = loader.spec.pipeline.first
    size = replace(first.transform, image_size=200_000)  # 200,000 x 200,000 x 3 bytes an image
    views = (replace(first, transform=size),)
    loader.spec = replace(loader.spec, pipeline=replace(loader.spec.pipeline, views=views))
    with pytest.raises(
        RuntimeError, match=r"(?i)memory|alloc"
    ):  # DALI: "Can't allocate ... bytes on device 0"
        next(iter(loader))


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
