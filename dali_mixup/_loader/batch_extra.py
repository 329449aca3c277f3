"""A user's functions on the finished batch, with random numbers that depend on its address alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from dali_mixup._checks import called
from dali_mixup._loader.batch import Batch
from dali_mixup._loader.spec import LoaderSpec
from dali_mixup._seeding import Purpose, stream
from dali_mixup.augment import Extra


def with_extras(images: torch.Tensor, targets: Any, batch: Batch, spec: LoaderSpec) -> tuple[Any, Any]:
    """The images and targets after the functions at "batch", in their order; errors as of `_made`."""
    extras = [one for one in spec.pipeline.first.transform.extra if one.place == "batch"]
    if not extras:
        return images, targets
    rng = stream(Purpose.EXTRA, spec.seed, rank=spec.rank.rank, epoch=batch.epoch, step=batch.step)
    with _generators_kept(images.device):
        for extra in extras:
            _seed_generators(int(rng.randint(0, 2**63 - 1, dtype=np.int64)), images.device)
            images, targets = _made(extra, images, targets)
    return images, targets


def _made(extra: Extra, images: Any, targets: Any) -> Sequence[Any]:
    """What the function returned.

    Raises:
        TypeError: neither a tuple nor a list of two.
        RuntimeError: the function raised StopIteration.
        Exception: whatever else it raises.
    """
    made = called(f"extra {extra.name}", extra.function, images, targets)
    if not isinstance(made, tuple | list) or len(made) != 2:
        length = f" of {len(made)}" if isinstance(made, tuple | list) else ""
        raise TypeError(
            f"extra {extra.name} at 'batch' returned a {type(made).__name__}{length}, expected (images, targets)"
        )
    return made


@contextmanager
def _generators_kept(device: torch.device) -> Iterator[None]:
    """torch's generators of the CPU and of the batch's device, afterwards as before."""
    gpu = [device.index] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=gpu):
        yield


def _seed_generators(seed: int, device: torch.device) -> None:
    # torch.manual_seed would also seed the generators of other GPUs.
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        with torch.cuda.device(device):
            torch.cuda.manual_seed(seed)
