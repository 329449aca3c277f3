"""Augmentation of images that are not RGB of 8 bits: what applies to them does so as to RGB, the rest is refused."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch

from dali_mixup import Output, Runtime, TrainTransform, train_loader, val_loader
from dali_mixup._graph.pixel_kind import PixelKind
from dali_mixup.augment import Chance, Cutout, RandomErasing, Stage
from dali_mixup.augment.by_pixels import OPTIONS, kernels_for, refuse_operations, widest_blur
from dali_mixup.augment.chains import Chains
from dali_mixup.augment.operations import MOST_SIGMA, Actions, Kernel, kernels_of
from dali_mixup.augment.photometric import PhotometricDistort
from dali_mixup.sources import DatasetSource
from tests.pixel_files import noise, plain

ROWS, CHANNELS = 6, 5


@dataclass(frozen=True)
class WithStage(TrainTransform):
    """A user's own transform with one further stage."""

    operation: str = "Rotate"
    low: float = 10.0
    high: float = 40.0

    @property
    def stages(self) -> tuple[Stage, ...]:
        return (*super().stages, Chance(self.operation, 0.7, self.low, self.high))


def batch(images: list[np.ndarray], transform: TrainTransform, output: Output) -> torch.Tensor:
    source = DatasetSource(images, labels=[0] * len(images))
    runtime = Runtime(1, cpu_kernels="dali")
    loader = train_loader(
        source, batch_size=len(images), transform=transform, output=output, device="cpu", runtime=runtime
    )
    with loader:
        return next(iter(loader))[0].double()


def raw(channels: int, bits: int = 8) -> Output:
    return Output(0.0, 1.0, channels=channels, bits=bits)  # type: ignore[arg-type]


GEOMETRY = [
    TrainTransform(24),
    TrainTransform(24, interpolation="bicubic"),
    TrainTransform(24, hflip=1.0),
    TrainTransform(24, crop="padded"),
    TrainTransform(24, crop="padded", padding=6, padding_mode="reflect"),
    TrainTransform(24, crop="rkrr"),
    TrainTransform(24, crop="rkrc", vflip=0.5),
    TrainTransform((20, 24), interpolation="nearest"),
    TrainTransform(24, gaussian_blur=0.5),
    TrainTransform(24, cutout=Cutout(9)),
    TrainTransform(24, random_erasing=RandomErasing(1.0, count=2)),
    TrainTransform(24, random_erasing=RandomErasing(1.0, place="after_mix")),
    WithStage(24),
    WithStage(24, operation="ShearX", low=-0.3, high=0.3),
]
TONES = [
    TrainTransform(24, solarize=0.5),
    WithStage(24, operation="Sharpness", low=0.1, high=1.9),
    WithStage(24, operation="Brightness", low=0.1, high=1.9),
    WithStage(24, operation="Posterize", low=2, high=6),
    WithStage(24, operation="AutoContrast", low=0, high=0),
    WithStage(24, operation="Equalize", low=0, high=0),
    WithStage(24, operation="SolarizeAdd", low=20, high=90),
]


def of_one_channel(images: list[np.ndarray], channel: int) -> list[np.ndarray]:
    """RGB images of which every channel is that one."""
    return [np.repeat(image[:, :, channel : channel + 1], 3, axis=2) for image in images]


@pytest.mark.parametrize("transform", [*GEOMETRY, *TONES], ids=str)
def test_each_channel_is_augmented_as_in_rgb(transform: TrainTransform) -> None:
    images = [noise(30, 40, CHANNELS, 8, seed) for seed in range(ROWS)]
    made = batch(images, transform, raw(CHANNELS))
    for channel in (0, CHANNELS - 1):
        alone = batch(of_one_channel(images, channel), transform, raw(3))
        assert torch.equal(made[:, channel], alone[:, 1])


@pytest.mark.parametrize(
    "transform", [*GEOMETRY, *TONES, TrainTransform(24, color_jitter=(0.4, 0.4, 0.0))], ids=str
)
def test_grey_is_augmented_as_grey_rgb(transform: TrainTransform) -> None:
    images = [noise(30, 40, 1, 8, seed) for seed in range(ROWS)]
    made = batch(images, transform, raw(1))
    apart = (made[:, 0] - batch(of_one_channel(images, 0), transform, raw(3))[:, 1]).abs()
    assert apart.max() <= 3 and apart.mean() < 0.01  # DALI resizes one channel in another order


@pytest.mark.parametrize("transform", GEOMETRY, ids=str)
def test_sixteen_bits_are_augmented_as_eight(transform: TrainTransform) -> None:
    """257 times the pixels become 257 times as much, but for the rounding of eight bits."""
    images = [noise(30, 40, 2, 8, seed) for seed in range(ROWS)]
    more = [image.astype(np.uint16) * 257 for image in images]
    apart = (batch(more, transform, raw(2, 16)) / 257 - batch(images, transform, raw(2))).abs()
    steps = len(transform.draws.layers) + 1
    assert apart.max() <= 0.51 * steps + (0.02 if transform.interpolation == "nearest" else 0)


@pytest.mark.parametrize(("channels", "bits"), [(1, 8), (1, 16), (4, 8), (12, 8), (12, 16)])
@pytest.mark.parametrize("place", ["before_mix", "after_mix"])
@pytest.mark.parametrize("mode", ["const", "rand", "pixel"])
def test_erasing_fills_every_channel(mode: Any, place: Any, channels: int, bits: int) -> None:
    """What is erased is 0, one colour, or noise, of mean 0 and deviation 1 after normalisation; the rest is kept. Each
    channel has its own mean and deviation, far from those of the others."""
    top = 2**bits - 1
    mean = np.linspace(0.3, 0.6, channels) * top
    std = np.linspace(0.02, 0.05, channels) * top
    images = [plain(32, 32, [top] * channels, bits) for _ in range(40)]
    erasing = RandomErasing(1.0, mode, area=(0.2, 0.3), place=place)
    transform = TrainTransform(32, scale=(1.0, 1.0), random_erasing=erasing)
    output = Output(mean.tolist(), std.tolist(), channels=channels, bits=bits)  # type: ignore[arg-type]
    made = batch(images, transform, output).numpy()
    kept = np.isclose(made, ((top - mean) / std)[None, :, None, None], atol=1e-3)
    erased = ~kept.any(axis=1)
    assert 0.15 < erased.mean() < 0.35
    for channel in range(channels):
        assert np.array_equal(~kept[:, channel], erased)
        found = made[:, channel][erased]
        if mode == "const":
            assert np.abs(found).max() <= (
                0.5 / std[channel] + 1e-6 if place == "before_mix" and bits == 8 else 1e-6
            )
        else:
            rows = [made[i, channel][erased[i]] for i in range(len(made))]
            free = len(found) if mode == "pixel" else len(rows)
            assert abs(np.mean([row.mean() for row in rows])) < 5 / np.sqrt(free) + 0.02
            assert 0.6 < found.std() < 1.4
            assert all((row.std() < 1e-3) == (mode == "rand") for row in rows)


@dataclass(frozen=True)
class Turns(Chains):
    """Chains of what applies to any pixels."""

    kernels = kernels_of(["Rotate"])

    def operations(self, rng: np.random.RandomState, rows: int, height: int, width: int) -> Actions:
        return Actions.none(rows)


@dataclass(frozen=True)
class WithChains(TrainTransform):
    """A user's own transform with chains of operations that would apply one by one."""

    @property
    def stages(self) -> tuple[Stage, ...]:
        return (*super().stages, Turns())


def test_chains_are_refused() -> None:
    with pytest.raises(
        ValueError, match="x: AugMix and PixMix are for 3 channels of 8 bits, but output has 4 channels"
    ):
        refuse_operations("x", WithChains(32), PixelKind(4))


REFUSED = {
    "auto_augment": "rand-m9-mstd0.5-inc1",
    "color_jitter": 0.4,
    "grayscale": 0.2,
    "solarize": 0.2,
    "gaussian_blur": 0.5,
    "lighting": 0.1,
    "jpeg": 0.5,
    "photometric_distort": PhotometricDistort(),
}
OF_COLOURS = {"auto_augment", "color_jitter", "grayscale", "lighting", "jpeg", "photometric_distort"}


@pytest.mark.parametrize(
    ("kind", "refused"),
    [
        (PixelKind(), set()),
        (PixelKind(1), OF_COLOURS),
        (PixelKind(4), OF_COLOURS),
        (PixelKind(3, 16), OF_COLOURS | {"solarize"}),
        (PixelKind(1, 16), OF_COLOURS | {"solarize"}),
    ],
    ids=lambda given: (
        str(given) if isinstance(given, PixelKind) else f"{len(given)} refused"
    ),  # a set has no order
)
def test_what_needs_colours_is_refused_by_name(kind: PixelKind, refused: set[str]) -> None:
    assert set(REFUSED) == set(OPTIONS)
    stages = TrainTransform(32, **REFUSED).draws.stages  # type: ignore[arg-type]
    assert len(stages) == len(OPTIONS)
    for name, value in REFUSED.items():
        transform = TrainTransform(32, **{name: value})  # type: ignore[arg-type]
        if name in refused:
            given = re.escape(f"x: {name}={value!r} (")
            with pytest.raises(
                ValueError, match=rf"{given}.*\) is for 3 channels of 8 bits, .* {kind}; leave it out"
            ):
                refuse_operations("x", transform, kind)
        else:
            refuse_operations("x", transform, kind)


def test_refusals_of_the_front_door() -> None:
    source = DatasetSource([noise(8, 8, 4, 8)], labels=[0])
    given: dict[str, Any] = {"batch_size": 1, "device": "cpu", "output": raw(4)}
    with pytest.raises(ValueError, match=r"^train_loader: grayscale=0.2 \(colour\) is for 3 channels"):
        train_loader(source, transform=TrainTransform(8, grayscale=0.2), **given)
    with pytest.raises(ValueError, match=r"^train_loader: a stage of the transform \(colour\)"):
        train_loader(source, transform=WithStage(8, operation="Hue", low=0, high=0.1), **given)
    with pytest.raises(ValueError, match=r"fill=\(1, 2, 3\) is a colour of 3 channels"):
        train_loader(source, transform=WithStage(8, fill=(1, 2, 3)), **given)
    val_loader(source, **given)


@pytest.mark.parametrize(("channels", "widest"), [(1, 28.0), (3, 28.0), (4, 21.0), (8, 31 / 3), (32, 7 / 3)])
def test_a_blur_that_a_gpu_does_not_have_is_refused(channels: int, widest: float) -> None:
    """DALI's windows of 2 ceil(3 sigma) + 1 pixels, times the channels, must be below 512."""
    assert widest_blur(channels) == pytest.approx(widest)
    for sigma in np.linspace(0.05, MOST_SIGMA, 200).tolist():
        window = 2 * int(np.ceil(3 * sigma)) + 1
        assert (sigma <= widest_blur(channels)) == (window * channels < 512 and sigma <= MOST_SIGMA)
    transform = TrainTransform(32, gaussian_blur=0.5, blur_sigma=(0.1, 28.0))
    if widest < MOST_SIGMA:
        with pytest.raises(ValueError, match=f"of which a GPU blurs at most with {widest:.3g}"):
            refuse_operations("x", transform, PixelKind(channels))
    else:
        refuse_operations("x", transform, PixelKind(channels, 16))


def test_rgb_of_eight_bits_has_every_kernel() -> None:
    assert kernels_for(PixelKind()) == frozenset(Kernel)
