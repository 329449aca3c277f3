"""What a GPU loader hands out: the CPU's batches, but for the decoder, whatever the options, streams and neighbours."""

from __future__ import annotations

import json
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
    MixPolicy,
    Output,
    Skip,
    TrainTransform,
    Unlabelled,
    View,
    open_source,
    val_loader,
)
from dali_mixup.augment import RandomErasing
from dali_mixup.methods import REGISTRY
from tests.extras import as_float, invert, jitter, speckle
from tests.extras import noisy as noise
from tests.gpu.loaders import BOTH, SIZE, assert_alike, batches, train_loader
from tests.masks import make_pairs


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
