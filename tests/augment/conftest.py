"""Photographs for parity tests, and a small pipeline to put one transform on them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from io import BytesIO
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from nvidia.dali import Pipeline, fn, types
from PIL import Image

from dali_mixup._graph.decode import Backend, Stored
from dali_mixup._graph.feed_kernels import normalising

PHOTOGRAPHS = ("astronaut", "chelsea", "coffee", "rocket")


@pytest.fixture(scope="session")
def photographs() -> dict[str, Image.Image]:
    """Photographs that ship with scikit-image: 512 x 512, 451 x 300, 600 x 400 and 640 x 427 pixels."""
    data = pytest.importorskip("skimage.data")
    return {name: Image.fromarray(getattr(data, name)()[..., :3]) for name in PHOTOGRAPHS}


@pytest.fixture(scope="session")
def jpegs(photographs: dict[str, Image.Image], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The photographs as JPEG files."""
    folder = tmp_path_factory.mktemp("jpegs")
    for name, image in photographs.items():
        image.save(folder / f"{name}.jpg", quality=92)
    return {name: folder / f"{name}.jpg" for name in photographs}


@pytest.fixture(scope="session")
def as_png() -> Callable[[Image.Image], bytes]:
    """A file without loss, so that only what comes after decoding differs."""

    def encoded(image: Image.Image) -> bytes:
        buffer = BytesIO()
        image.save(buffer, "PNG", compress_level=1)
        return buffer.getvalue()

    return encoded


@pytest.fixture(scope="session")
def validated() -> Callable[..., list[np.ndarray]]:
    """What `_validated` does."""
    return _validated


@pytest.fixture(scope="session")
def trained() -> Callable[..., np.ndarray]:
    """What `_trained` does."""
    return _trained


def _validated(transform: Any, files: Sequence[bytes], compiled: bool = False) -> list[np.ndarray]:
    """(H, W, 3) float32 images, 0..255, of a `ValTransform` on the CPU backend."""
    pipe = Pipeline(batch_size=len(files), num_threads=2, device_id=None, enable_checkpointing=True)
    with pipe:
        encoded = fn.external_source(
            source=lambda info: [np.frombuffer(f, np.uint8) for f in files], batch=True, batch_info=True
        )
        backend = Backend(gpu=False, compiled=compiled)
        stored = Stored.of(encoded, backend, decoded=False)
        images, window = transform.graph(stored, count(), {}, (0.0,) * 3, (1.0,) * 3)
        pipe.set_outputs(
            fn.crop_mirror_normalize(images, **window, mean=[0.0], std=[1.0], output_layout="HWC")
        )
    pipe.build()
    (out,) = pipe.run()
    return [np.array(image) for image in out]


def _trained(
    transform: Any,
    files: Sequence[bytes],
    *,
    batches: int = 1,
    roi: bool = True,
    compiled: bool = False,
    seed: int = 0,
    device_id: int | None = None,
    mean: Sequence[float] = (123.675, 116.28, 103.53),
    std: Sequence[float] = (58.395, 57.12, 57.375),
) -> np.ndarray:
    """(batches * len(files), H, W, 3) uint8 images of a `TrainTransform` before mixing."""
    draws = transform.draws
    names = draws.names
    pipe = Pipeline(batch_size=len(files), num_threads=2, device_id=device_id, enable_checkpointing=True)
    gpu = device_id is not None

    def source(info: object) -> tuple[object, ...]:
        encoded = [np.frombuffer(f, np.uint8) for f in files]
        return (encoded, *draws.arrays(len(files), seed, 0, 0, info.iteration))

    with pipe:
        encoded, *made = fn.external_source(
            source=source, num_outputs=1 + len(names), batch=True, batch_info=True
        )
        nodes = dict(zip(names, made, strict=True))
        backend = Backend(gpu, roi, compiled=compiled)
        stored, seeds = Stored.of(encoded, backend, decoded=False), count(seed + 1)
        if compiled:
            nodes["normalising"] = types.Constant(normalising(mean, std), device="cpu")
        nodes |= transform.windows(stored, seeds, nodes)
        images, _ = transform.graph(stored, seeds, nodes, mean, std)
        pipe.set_outputs(images)
    pipe.build()
    out = [pipe.run()[0] for _ in range(batches)]
    return np.concatenate([(batch.as_cpu() if gpu else batch).as_array() for batch in out])
