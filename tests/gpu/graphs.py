"""The GPU graphs of this package, made without a GPU; see `dry_run`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from nvidia.dali import Pipeline, fn

from dali_mixup import (
    Extra,
    HandOver,
    MixPolicy,
    Output,
    Runtime,
    Unlabelled,
    ValTransform,
    train_loader,
    val_loader,
)
from dali_mixup._graph.decode import Backend
from dali_mixup._graph.windows import windows_pipeline
from dali_mixup._loader.cursor import Cursor
from dali_mixup._loader.loader import MixLoader
from dali_mixup._loader.run import PipelineRun
from dali_mixup.augment import Cutout, PhotometricDistort, PixMix, RandomErasing, SizeSchedule, TrainTransform
from dali_mixup.fn import mix
from dali_mixup.methods import REGISTRY, CutMix, MixUp, ResizeMix
from tests.extras import invert, jitter, speckle
from tests.gpu.dry_run import DType, graph_of

DATA = [(f"/nowhere/{i}.jpg", i % 10) for i in range(64)]
PAIRS = [(f"/nowhere/{i}.jpg", f"/nowhere/{i}.png") for i in range(64)]
DALI = Runtime(cpu_kernels="dali")  # the GPU has no compiled kernels
EVERY = [method() for method in REGISTRY.values()]
STRINGS = (
    "rand-m9-mstd0.5-inc1",
    "rand-m9-n3-tweights",
    "rand-m9-t3a",
    "original",
    "originalr",
    "v0",
    "v0r",
    "3a",
    "imagenet",
    "cifar10",
    "svhn",
    "ra",
    "ta_wide",
    "augmix",
    "augmix-m5-w2-d2",
    "augmix_paper",
)
OPTIONS: list[dict[str, Any]] = [
    {"color_jitter": (0.4, 0.4, 0.4, 0.1)},
    {"grayscale": 0.2, "solarize": 0.2, "gaussian_blur": 0.5, "lighting": 0.1},
    {"photometric_distort": PhotometricDistort(), "jpeg": 0.5},
    {"cutout": Cutout(16)},
    {"crop": "padded", "image_size": 32},
    {"crop": "padded", "image_size": 32, "padding_mode": "reflect"},
    {"crop": "rkrc"},
    {"crop": "rkrr", "vflip": 0.5, "interpolation": "bicubic"},
    {"interpolation": "nearest"},
    {"interpolation": "bicubic", "antialias": False},
    {"interpolation": "lanczos", "hflip": 0.0},
    {"vflip": 0.5},
    {"hflip": 0.0, "vflip": 0.5},
    {"image_size": SizeSchedule(((0, 128), (10, 224)))},
]

KINDS = [(1, 8), (5, 8), (12, 8), (1, 16), (3, 16), (12, 16)]
"""Channels and bits other than RGB of 8."""
OF_ANY_PIXELS: list[dict[str, Any]] = [
    {},
    {"gaussian_blur": 0.5, "cutout": Cutout(16), "crop": "padded", "image_size": 32},
    {"crop": "rkrr", "vflip": 0.5, "random_erasing": RandomErasing(mode="pixel", count=2)},
    {"random_erasing": RandomErasing(mode="rand", place="after_mix")},
]


def pixels(channels: int, bits: int) -> Output:
    return Output(0.0, 1.0, channels=channels, bits=bits)  # type: ignore[arg-type]


FUNCTIONS = [
    Extra(function, place)  # type: ignore[arg-type]
    for place in ("after_decode", "after_crop", "before_mix", "after_mix")
    for function in ((jitter,) if place == "after_mix" else (invert, speckle))
]
WITH_FUNCTIONS = [
    TrainTransform(extra=FUNCTIONS),
    TrainTransform(32, crop="padded", extra=FUNCTIONS),
]


def trained(data: Any = DATA, **options: Any) -> MixLoader:
    return train_loader(data, batch_size=8, device="cpu", runtime=DALI, **options)


def of_loader(loader: MixLoader, roi: bool = True, **output: Any) -> Pipeline:
    """A CPU loader's graph with everything on the GPU."""
    pipeline = loader.spec.pipeline
    backend = Backend(gpu=True, roi=roi and pipeline.backend.roi, kind=pipeline.backend.kind)
    views = tuple(replace(view, **output) for view in pipeline.views)
    spec = replace(pipeline, views=views, backend=backend, device_id=0)
    return graph_of(lambda: PipelineRun(replace(loader.spec, pipeline=spec), loader._progress.bad, Cursor(0)))


def fed(dtype: Any, dimensions: int, layout: str | None = None) -> Any:
    return fn.external_source(
        source=lambda info: 0, batch=True, batch_info=True, dtype=dtype, ndim=dimensions, layout=layout
    )


def of_mix(
    policy: MixPolicy, given: Any, layout: str | None, maps: Any = None, size: Any = 32, **options: Any
) -> Pipeline:
    """A user's graph that mixes rows of this type, layout and size, and segmentation maps of the type `maps`."""
    pipeline = Pipeline(batch_size=8, num_threads=2, device_id=0, seed=1)
    with pipeline:
        segmentation = {} if maps is None else {"segmentation": fed(maps, 2).gpu()}
        outputs = mix(
            fed(given, len(layout or "FT"), layout).gpu(),
            fed(DType.INT32, 0),
            policy,
            image_size=size,
            layout=layout,
            half_images=given == DType.FLOAT16,
            **segmentation,
            **options,
        )
        flat = [node for out in outputs for node in (out if isinstance(out, tuple) else (out,))]
        pipeline.set_outputs(*flat)
    return pipeline


def of_loaders() -> Iterator[Pipeline]:
    """Graphs of loaders with, together, every operator that one can have."""
    for granularity in ("batch", "sample"):
        loader = trained(policy=MixPolicy(EVERY, granularity=granularity), handover=HandOver(clean=True))
        yield from (of_loader(loader, roi) for roi in (True, False))
    yield of_loader(trained(policy=MixPolicy(EVERY, partners="balanced")))
    for text in STRINGS:
        yield of_loader(trained(transform=TrainTransform(auto_augment=text)))
    for options in OPTIONS:
        yield of_loader(trained(transform=TrainTransform(**options)))
    for channels, bits in KINDS:
        yield of_loader(trained(policy=MixPolicy(EVERY), output=pixels(channels, bits)))
    for transform in WITH_FUNCTIONS:
        yield of_loader(trained(transform=transform, policy=MixUp()))
    stream = HandOver(unlabelled=Unlabelled(DATA))
    yield of_loader(trained(transform=TrainTransform(pixmix=PixMix()), handover=stream))
    for crop in ("resized", "padded", "rkrr"):
        loader = trained(PAIRS, transform=TrainTransform(32, crop=crop), policy=CutMix())  # type: ignore[arg-type]
        yield from (of_loader(loader, roi) for roi in (True, False))
    for mode in ("const", "rand", "pixel"):
        for place in ("before_mix", "after_mix"):
            erasing = RandomErasing(mode=mode, place=place)  # type: ignore[arg-type]
            yield of_loader(trained(transform=TrainTransform(random_erasing=erasing)))
    yield of_loader(val_loader(DATA, batch_size=8, device="cpu"), roi=False)
    for output in (Output(), *(pixels(channels, bits) for channels, bits in KINDS)):
        functions = [Extra(invert, place) for place in ("after_decode", "after_crop")]  # type: ignore[arg-type]
        transform = ValTransform(extra=functions)
        loader = val_loader(
            DATA, batch_size=8, device="cpu", runtime=DALI, transform=transform, output=output
        )
        yield of_loader(loader, roi=False)


def of_everything() -> Iterator[Pipeline]:
    """Graphs with, together, every operator that this package uses on a GPU."""
    yield from of_loaders()
    for given in (DType.UINT8, DType.FLOAT16):
        for layout in ("HWC", "CHW"):
            yield of_mix(MixPolicy(EVERY), given, layout, num_classes=10)
    yield of_mix(MixPolicy([CutMix(), ResizeMix()]), DType.UINT8, "HWC", DType.UINT8, num_classes=10)
    yield of_mix(MixPolicy([MixUp()]), DType.FLOAT, "HWC", num_classes=None)
    for layout in ("FHWC", "CDHW", "HW"):
        yield of_mix(MixPolicy(EVERY), DType.INT16, layout, num_classes=10, return_plan=True)
    yield of_mix(MixPolicy([MixUp()]), DType.FLOAT, None, size=None, num_classes=10)
    yield windows_pipeline([np.zeros(1, np.uint8)], 0, Backend(gpu=True))
