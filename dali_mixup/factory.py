"""train_loader and val_loader: what a user writes instead of a dataset, transforms, a sampler and a DataLoader."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from typing import Any

import torch

from .augment import Backend, TrainTransform, ValTransform
from .bad_files import ON_ERROR
from .checks import choice, integer, number
from .device import resolve as resolve_device
from .epoch import EpochLayout
from .feed import channels
from .gpu_selftest import window_decoding_works
from .loader import MixLoader
from .loader_spec import LoaderSpec
from .pipeline import DTYPES, PipelineSpec
from .policy import MixPolicy
from .ranks import Rank
from .ranks import resolve as resolve_rank
from .sources import open_source

log = logging.getLogger("dali_mixup")

IMAGENET_MEAN = (123.675, 116.28, 103.53)  # 255 * (0.485, 0.456, 0.406)
IMAGENET_STD = (58.395, 57.12, 57.375)  # 255 * (0.229, 0.224, 0.225)


def train_loader(
    data: Any,
    *,
    policy: MixPolicy | None = None,
    batch_size: int,
    image_size: int | tuple[int, int] = 224,
    num_classes: int | None = None,
    device: str | int | torch.device = "auto",
    seed: int = 0,
    rank: int | None = None,
    world_size: int | None = None,
    targets: str | None = None,
    drop_last: bool = True,
    transform: TrainTransform | None = None,
    mean: Sequence[float] = IMAGENET_MEAN,
    std: Sequence[float] = IMAGENET_STD,
    dtype: torch.dtype = torch.float32,
    channels_last: bool = False,
    num_threads: int | None = None,
    prefetch: int = 2,
    roi_decoding: bool | str = "auto",
    hw_decoder_load: float = 0.65,
    memory_padding: int = 0,
    elastic: bool = False,
    on_error: str = "raise",
    max_errors: int = 100,
) -> MixLoader:
    """A loader of randomly cropped, flipped, mixed and normalised training batches.

    Every rank gets its share of one global order, new every epoch; all take the same number of steps and no sample
    comes twice in an epoch. Mixing partners come from the rank's own batch.

    Args:
        data: a folder of class folders, a manifest, a list of (path, label), tar shards: see `sources.open_source`.
        policy: how to mix; None: not at all.
        batch_size: samples a rank and step, >= 1.
        image_size: pixels, one number or (height, width).
        num_classes: columns of dense targets, at least the data's classes; None: the data's classes.
        device: "auto", "cpu", "cuda", "cuda:N".
        seed: of order, augmentation and mixing.
        rank, world_size: None: from an initialised process group, else torchrun's environment, else one process.
        targets: "dense" (N, C) float32, "compact" `MixedTargets` or "labels" (N,) int64; None: dense with a policy,
            labels without one.
        drop_last: leave out the last, smaller step; False: every sample exactly once.
        transform: random crop, resize and flip; None: `TrainTransform(image_size)`. Give it or image_size, not both.
        mean, std: (3,) in units of uint8 pixels.
        dtype: torch.float32, float16 or bfloat16.
        channels_last: images in torch's channels_last memory format, without a copy.
        num_threads: DALI's worker threads; None: this process's share of the usable cores.
        prefetch: batches prepared ahead, >= 1.
        roi_decoding: GPU only: decode just the window of the crop; "auto": where a self-test in a subprocess passes.
        hw_decoder_load: GPU only: share in [0, 1] of the images decoded by the hardware JPEG units.
        memory_padding: GPU only: bytes preallocated for decoding, >= 0.
        elastic: allow `load_state_dict` of a state with another number of ranks or batch size.
        on_error: what a file that cannot be read or decoded does: "raise" a `BadFileError` that names it, or "skip" it:
            the next good sample takes its place, everything else stays where it was.
        max_errors: with "skip", how many different files may be left out before it raises all the same, >= 0.

    Raises:
        TypeError, ValueError: anything outside the above, before anything is built or decoded.
        FileNotFoundError: data that are not there.
    """
    place = resolve_rank(rank, world_size)
    source = open_source(data)
    if policy is not None and not isinstance(policy, MixPolicy):
        raise TypeError(f"train_loader: policy={policy!r}, expected a MixPolicy or None")
    form = targets or ("labels" if policy is None else "dense")
    choice("train_loader", "targets", form, ("dense", "compact", "labels"))
    if form == "labels" and policy is not None:
        raise ValueError(
            "train_loader: targets='labels' would lose the mixed labels; use 'dense' or 'compact'"
        )
    if transform is None:
        transform = TrainTransform(image_size)
    elif image_size not in (224, transform.image_size):
        raise ValueError(
            f"train_loader: image_size={image_size!r} and transform.image_size={transform.image_size!r}; give one"
        )
    spec = _pipeline(
        "train_loader",
        transform,
        place,
        device=device,
        roi_decoding=roi_decoding,
        hw_decoder_load=hw_decoder_load,
        memory_padding=memory_padding,
        mean=mean,
        std=std,
        dtype=dtype,
        channels_last=channels_last,
        num_threads=num_threads,
        prefetch=prefetch,
        batch_size=batch_size,
    )
    return MixLoader(
        LoaderSpec(
            source=source,
            pipeline=spec,
            layout=EpochLayout(len(source), batch_size, place.world_size, drop_last),
            rank=place,
            policy=policy,
            seed=integer("train_loader", "seed", seed, at_least=0),
            shuffle=True,
            targets=form,
            num_classes=_num_classes("train_loader", num_classes, source.num_classes),
            elastic=elastic,
            on_error=choice("train_loader", "on_error", on_error, ON_ERROR),
            max_errors=integer("train_loader", "max_errors", max_errors, at_least=0),
        )
    )


def val_loader(
    data: Any,
    *,
    batch_size: int,
    image_size: int | tuple[int, int] = 224,
    resize_size: int | None = None,
    num_classes: int | None = None,
    device: str | int | torch.device = "auto",
    rank: int | None = None,
    world_size: int | None = None,
    transform: ValTransform | None = None,
    mean: Sequence[float] = IMAGENET_MEAN,
    std: Sequence[float] = IMAGENET_STD,
    dtype: torch.dtype = torch.float32,
    channels_last: bool = False,
    num_threads: int | None = None,
    prefetch: int = 2,
    hw_decoder_load: float = 0.65,
    memory_padding: int = 0,
) -> MixLoader:
    """A loader of centre-cropped, normalised validation batches with (N,) int64 labels, in the data's own order.

    Every sample comes exactly once over all ranks and no batch is empty. Ranks take equally many steps wherever that is
    possible; with fewer samples than ranks, or batches of one, some take one step less.

    Args: as `train_loader`, and
        resize_size: pixels of the shorter side before the crop; None: image_size * 256 / 224, rounded.
        transform: None: `ValTransform(image_size, resize_size)`. Give it or the sizes, not both.

    Raises: as `train_loader`.
    """
    place = resolve_rank(rank, world_size)
    source = open_source(data)
    if transform is None:
        largest = image_size if isinstance(image_size, int) else max(image_size)
        transform = ValTransform(
            image_size, round(largest * 256 / 224) if resize_size is None else resize_size
        )
    elif resize_size is not None or image_size not in (224, transform.image_size):
        raise ValueError(
            f"val_loader: image_size={image_size!r}, resize_size={resize_size!r} and a transform; give the sizes "
            "or the transform"
        )
    spec = _pipeline(
        "val_loader",
        transform,
        place,
        device=device,
        roi_decoding=False,
        hw_decoder_load=hw_decoder_load,
        memory_padding=memory_padding,
        mean=mean,
        std=std,
        dtype=dtype,
        channels_last=channels_last,
        num_threads=num_threads,
        prefetch=prefetch,
        batch_size=batch_size,
    )
    return MixLoader(
        LoaderSpec(
            source=source,
            pipeline=spec,
            layout=EpochLayout(len(source), batch_size, place.world_size, drop_last=False, ragged=True),
            rank=place,
            policy=None,
            seed=0,
            shuffle=False,
            targets="labels",
            num_classes=_num_classes("val_loader", num_classes, source.num_classes),
        )
    )


def _pipeline(
    owner: str,
    transform: TrainTransform | ValTransform,
    place: Rank,
    *,
    device: str | int | torch.device,
    roi_decoding: bool | str,
    hw_decoder_load: float,
    memory_padding: int,
    mean: Sequence[float],
    std: Sequence[float],
    dtype: torch.dtype,
    channels_last: bool,
    num_threads: int | None,
    prefetch: int,
    batch_size: int,
) -> PipelineSpec:
    """The pipeline's specification from a user's arguments; what is chosen for the user is logged."""
    if dtype not in DTYPES:
        raise ValueError(f"{owner}: dtype={dtype!r}, expected one of {', '.join(map(str, DTYPES))}")
    if roi_decoding not in (True, False, "auto"):
        raise ValueError(f"{owner}: roi_decoding={roi_decoding!r}, expected True, False or 'auto'")
    integer(owner, "batch_size", batch_size, at_least=1)
    number(owner, "hw_decoder_load", hw_decoder_load, at_least=0, at_most=1)
    means, stds = channels(owner, mean, std)
    if len(means) != 3:
        raise ValueError(f"{owner}: mean={mean!r}, std={std!r}; expected 3 numbers each, one a colour")
    chosen = resolve_device(device, place.local_rank)
    gpu = chosen.index if chosen.type == "cuda" else None
    if roi_decoding == "auto":
        roi_decoding = gpu is None or window_decoding_works(gpu)
    return PipelineSpec(
        transform=transform,
        backend=Backend(
            gpu=gpu is not None,
            roi=bool(roi_decoding),
            hw_decoder_load=hw_decoder_load,
            memory_padding=integer(owner, "memory_padding", memory_padding, at_least=0),
        ),
        mean=means,
        std=stds,
        dtype=dtype,
        channels_last=channels_last,
        device_id=gpu,
        num_threads=_threads(owner, num_threads, place),
        prefetch=integer(owner, "prefetch", prefetch, at_least=1),
        batch_size=batch_size,
    )


def _threads(owner: str, given: int | None, place: Rank) -> int:
    if given is not None:
        return integer(owner, "num_threads", given, at_least=1)
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    threads = max(1, usable // place.local_world_size)
    log.info(
        "%s: num_threads=%d (%d usable cores, %d processes here)",
        owner,
        threads,
        usable,
        place.local_world_size,
    )
    return threads


def _num_classes(owner: str, given: int | None, found: int) -> int:
    if given is None:
        return found
    if integer(owner, "num_classes", given, at_least=1) < found:
        raise ValueError(
            f"{owner}: num_classes={given}, but the data have {found} classes; expected num_classes >= {found}"
        )
    return given
