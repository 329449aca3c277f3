"""Loaders of 1, 3, 4 and more channels of 8 and 16 bits, from files and from arrays: pixels exactly."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms.v2 import functional as tv

from dali_mixup import (
    CutMix,
    MixPolicy,
    MixUp,
    Output,
    Runtime,
    TrainTransform,
    ValTransform,
    View,
    train_loader,
    val_loader,
)
from dali_mixup.augment import RandomErasing
from dali_mixup.methods import FMix, GMix, ResizeMix
from dali_mixup.sources import DatasetSource
from tests.odd_images import picture
from tests.pixel_files import folder_of, jpeg, noise, plain, png, tiff

ROWS = 8
KINDS = ((1, 2, 3, 4, 6, 32), (8, 16))
CPU: dict[str, Any] = {"device": "cpu", "runtime": Runtime(1)}


def values(channels: int, bits: int) -> np.ndarray:
    """(ROWS, C), all different."""
    return np.random.RandomState(0).permutation(2**bits)[: ROWS * channels].reshape(ROWS, channels)


def data(where: str, images: list[np.ndarray], folder: Path) -> Any:
    """The images, two classes in turn."""
    if where == "arrays":
        return DatasetSource(images, labels=[i % 2 for i in range(len(images))])
    if where == "png":
        return folder_of(folder, [png(image) for image in images], "png")
    return folder_of(folder, [tiff(image, compression="zlib") for image in images], "tif")


def raw(channels: int, bits: int, **more: Any) -> Output:
    return Output(0.0, 1.0, channels=channels, bits=bits, **more)  # type: ignore[arg-type]


def stored_rows(loader: Any, images: list[np.ndarray]) -> list[np.ndarray]:
    """The images of the loader's samples in the order of the source."""
    order = [int(loader.dataset.key(i).split(".")[0].split("/")[-1]) for i in range(len(images))]
    return [images[i] for i in order]


@pytest.mark.parametrize(
    ("where", "channels", "bits"),
    [*product(("arrays", "tiff"), *KINDS), *product(("png",), (1, 3, 4), (8, 16))],
)
def test_pixels_come_exactly(where: str, channels: int, bits: int, tmp_path: Path) -> None:
    """Images of one colour each: resizing does not change them, and mixing them shows their weights."""
    images = [plain(20, 30, value, bits) for value in values(channels, bits)]
    given = data(where, images, tmp_path)
    with val_loader(given, batch_size=ROWS, image_size=16, output=raw(channels, bits), **CPU) as loader:
        images = stored_rows(loader, images)
        expected = np.stack([image[:16, :16].transpose(2, 0, 1) for image in images]).astype(np.float32)
        (batch,) = loader
        assert batch[0].shape == (ROWS, channels, 16, 16) and np.array_equal(batch[0].numpy(), expected)
    policy = MixPolicy([MixUp(), CutMix()], granularity="sample")
    with train_loader(
        given, policy=policy, batch_size=ROWS, image_size=16, output=raw(channels, bits), **CPU
    ) as loader:
        mixed, _ = next(iter(loader))
        assert loader.last_batch is not None and loader.last_batch.plan is not None
        own = torch.from_numpy(expected)[loader.last_batch.indices]
        wanted = loader.last_batch.plan.apply(own)
    torch.testing.assert_close(mixed, wanted, rtol=2e-6, atol=1e-5)


@pytest.mark.parametrize("method", [MixUp(), CutMix(), ResizeMix(), FMix(), GMix()], ids=lambda m: m.name)
@pytest.mark.parametrize(("channels", "bits"), [(1, 8), (5, 8), (3, 16), (12, 16)])
def test_every_form_of_mixing(method: Any, channels: int, bits: int) -> None:
    images = [plain(16, 16, value, bits) for value in values(channels, bits)]
    source = DatasetSource(images, labels=[0, 1] * (ROWS // 2))
    policy = MixPolicy([method], granularity="sample")
    with train_loader(
        source, policy=policy, batch_size=ROWS, image_size=16, output=raw(channels, bits), **CPU
    ) as loader:
        mixed, _ = next(iter(loader))
        assert loader.last_batch is not None and loader.last_batch.plan is not None
        rows = np.stack([images[i].transpose(2, 0, 1) for i in loader.last_batch.indices.tolist()])
        wanted = loader.last_batch.plan.apply(torch.from_numpy(rows.astype(np.float32)))
    torch.testing.assert_close(mixed, wanted, rtol=2e-6, atol=2e-3)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("channels_last", [False, True])
def test_types_and_memory_formats(dtype: str, channels_last: bool) -> None:
    images = [noise(16, 16, 5, 16, seed) for seed in range(4)]
    mean, std = (3000.0, 10000.0, 20000.0, 30000.0, 40000.0), (20000.0,) * 5
    output = Output(mean, std, dtype, channels_last, channels=5, bits=16)  # type: ignore[arg-type]
    loader = val_loader(
        DatasetSource(images, labels=[0] * 4),
        batch_size=4,
        transform=ValTransform(16, 16),
        output=output,
        **CPU,
    )
    with loader:
        (batch,) = loader
    wanted = (np.stack(images).astype(np.float64) - mean) / std
    assert batch[0].is_contiguous(memory_format=torch.channels_last) == channels_last
    got = batch[0].float().numpy().transpose(0, 2, 3, 1)
    np.testing.assert_allclose(got, wanted, rtol=8e-3, atol=1e-3)


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic", "lanczos", "nearest"])
def test_resizing_is_pillows(interpolation: Any, bits: int) -> None:
    """Of each channel, in Pillow's floating point. Images of noise are harder than any photograph."""
    pixels = noise(64, 80, 5, bits)
    transform = ValTransform(32, 40, interpolation=interpolation)
    source = DatasetSource([pixels], labels=[0])
    with val_loader(source, batch_size=1, transform=transform, output=raw(5, bits), **CPU) as loader:
        ((images, _),) = loader
    kind = getattr(Image.Resampling, interpolation.upper())
    planes = [Image.fromarray(pixels[:, :, c].astype(np.float32)).resize((50, 40), kind) for c in range(5)]
    wanted = np.clip(np.stack([np.asarray(plane)[4:36, 9:41] for plane in planes]), 0, 2**bits - 1)
    apart = np.abs(images[0].numpy() - wanted) / 2**bits
    assert apart.mean() < (0.07 if interpolation == "nearest" else 0.004)


def test_grey_is_torchvisions(tmp_path: Path) -> None:
    """Grey as of Pillow's "L", which torchvision's Grayscale takes: of PNG a level off, of JPEG, whose own luminance is
    taken, three."""
    photos = [picture(48, 32, seed) for seed in range(3)]
    for ending, make, most in (("png", png, 1), ("jpg", jpeg, 3)):
        files = [make(np.asarray(photo)) for photo in photos]
        folder = folder_of(tmp_path / ending, files, ending)
        transform = ValTransform((32, 32), 32)
        with val_loader(folder, batch_size=3, transform=transform, output=raw(1, 8), **CPU) as loader:
            ((images, _),) = loader
            for row in range(3):
                with Image.open(loader.dataset.name(row)) as image:
                    grey = tv.to_grayscale(image, num_output_channels=1)
                expected = np.asarray(grey)[:, 8:40]
                apart = np.abs(images[row, 0].numpy() - expected)
                assert apart.max() <= most and apart.mean() <= 0.6


def test_grey_of_sixteen_bits() -> None:
    pixels = noise(16, 16, 3, 16)
    source = DatasetSource([pixels], labels=[0])
    with val_loader(source, batch_size=1, transform=ValTransform(16, 16), output=raw(1, 16), **CPU) as loader:
        ((images, _),) = loader
    wanted = pixels.astype(np.float64) @ [0.299, 0.587, 0.114]
    assert np.abs(images[0, 0].numpy() - wanted).max() <= 3


def test_a_state_of_other_pixels_is_refused() -> None:
    source = DatasetSource([noise(8, 8, 1, 16)] * 4, labels=[0] * 4)
    loaders = [
        train_loader(source, batch_size=2, image_size=8, output=raw(1, bits), **CPU) for bits in (8, 16)
    ]
    with pytest.raises(ValueError, match="pixels"):
        loaders[0].load_state_dict(loaders[1].state_dict())


def test_kernels_of_eight_bit_rgb_are_not_forced() -> None:
    source = DatasetSource([noise(8, 8, 1, 8)], labels=[0])
    with pytest.raises(ValueError, match="cpu_kernels='numba' with 1 channel of 8 bits"):
        val_loader(
            source, batch_size=1, output=raw(1, 8), device="cpu", runtime=Runtime(1, cpu_kernels="numba")
        )


def test_views_of_one_image_have_the_same_pixels() -> None:
    source = DatasetSource([noise(8, 8, 3, 16)] * 4, labels=[0] * 4)
    views = [View(output=raw(3, 16)), View(output=raw(1, 16))]
    with pytest.raises(
        ValueError, match="first view has an output of 3 channels of 16 bits and view 1 one of 1 channel"
    ):
        train_loader(source, batch_size=2, image_size=8, views=views, **CPU)
    views = [View(output=raw(3, 16)), View(output=Output(1e4, 2e4, bits=16), window="shared")]
    with train_loader(source, batch_size=2, image_size=8, views=views, **CPU) as loader:
        (first, second), _ = next(iter(loader))
    torch.testing.assert_close(second, (first - 1e4) / 2e4)


def test_masks_go_with_other_pixels(tmp_path: Path) -> None:
    """The masks are the first channel of their images, divided by a hundred."""
    for i in range(4):
        ids = np.random.RandomState(i).randint(0, 5, (3, 4)).astype(np.uint8).repeat(12, 0).repeat(12, 1)
        image = np.repeat(ids[:, :, None].astype(np.uint16) * 100, 5, axis=2)
        (tmp_path / f"{i}.tif").write_bytes(tiff(image))
        Image.fromarray(ids).save(tmp_path / f"{i}.png")
    pairs = [(str(tmp_path / f"{i}.tif"), str(tmp_path / f"{i}.png")) for i in range(4)]
    transform = TrainTransform(16, interpolation="nearest", scale=(0.3, 0.6))
    whole: dict[str, Any] = {
        "batch_size": 4,
        "output": raw(5, 16),
        "transform": transform,
        "num_classes": 5,
        **CPU,
    }
    with train_loader(pairs, policy=CutMix(), **whole) as loader:
        images, maps = next(iter(loader))
    for channel in range(5):
        same = (images[:, channel] / 100).round() == maps
        assert same.float().mean() > 0.8  # nearest neighbours of images and masks may differ by a pixel
    assert len(maps.unique()) > 2


def test_a_run_with_other_pixels_resumes_exactly() -> None:
    source = DatasetSource([noise(20, 24, 5, 16, seed) for seed in range(12)], labels=[0, 1] * 6)
    transform = TrainTransform(16, random_erasing=RandomErasing(0.5, "pixel"), gaussian_blur=0.5)
    whole: dict[str, Any] = {"policy": [MixUp(), CutMix()], "batch_size": 4, "transform": transform, **CPU}
    with train_loader(source, output=raw(5, 16), **whole) as loader:
        batches = iter(loader)
        next(batches)
        state = loader.state_dict()
        expected = [images for images, _ in batches]
    with train_loader(source, output=raw(5, 16), **whole) as again:
        again.load_state_dict(state)
        found = [images for images, _ in again]
    assert len(found) == len(expected) == 2
    assert all(map(torch.equal, found, expected))
