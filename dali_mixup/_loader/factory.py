"""train_loader and val_loader: what a user writes instead of a dataset, transforms, a sampler and a DataLoader."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import torch

from dali_mixup._checks import choice, instance, integer, table
from dali_mixup._decide.policy import MixPolicy
from dali_mixup._decide.relabel import CorruptLabels
from dali_mixup._epochs.layout import EpochLayout
from dali_mixup._epochs.orders import Shuffled, order_of_epochs
from dali_mixup._epochs.ranks import resolve as resolve_rank
from dali_mixup._loader.companions import HandOver, companions_of
from dali_mixup._loader.loader import MixLoader
from dali_mixup._loader.settings import pipeline_spec
from dali_mixup._loader.spec import LoaderSpec
from dali_mixup.augment import TrainTransform, ValTransform
from dali_mixup.augment.sizes import check_size, size_of
from dali_mixup.sources import open_source
from dali_mixup.sources.bad_files import ON_ERROR, BadFiles

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
    sampler: Iterable[int] | None = None,
    class_groups: int | None = None,
    repeats: int = 1,
    transform: TrainTransform | None = None,
    mean: Sequence[float] = IMAGENET_MEAN,
    std: Sequence[float] = IMAGENET_STD,
    dtype: torch.dtype = torch.float32,
    channels_last: bool = False,
    num_threads: int | None = None,
    prefetch: int = 2,
    read_ahead: int = 0,
    roi_decoding: bool | str = "auto",
    hw_decoder_load: float = 0.65,
    memory_padding: int = 0,
    cpu_kernels: str = "auto",
    elastic: bool = False,
    on_error: str = "raise",
    max_errors: int = 100,
    handover: HandOver | None = None,
    neighbours: Any = None,
    corrupt: CorruptLabels | None = None,
    label_vectors: Any = None,
) -> MixLoader:
    """A loader of randomly cropped, flipped, mixed and normalised training batches.

    Every rank gets its share of one global order, new every epoch; all take the same number of steps and no sample
    comes twice in an epoch (but for `repeats`). Mixing partners come from the rank's own batch.

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
        sampler: the order in the place of a shuffle: a `torch.utils.data.Sampler` over all samples, which the loader
            deals out to the ranks (see `orders.FromSampler`).
        class_groups: an order in which that many samples of a class, >= 2, stand together, for partners="same_class";
            a divisor of batch_size.
        repeats: repeated augmentation: views of a sample in an epoch, >= 1; an epoch keeps its length and sees as many
            times fewer samples, as with DeiT's RASampler.
        transform: random crop, resize, flip and augmentation; None: `TrainTransform(image_size)`. Give it or
            image_size, not both.
        mean, std: (3,) in units of uint8 pixels.
        dtype: torch.float32, float16 or bfloat16.
        channels_last: images in torch's channels_last memory format, without a copy.
        num_threads: DALI's worker threads; None: this process's share of the usable cores.
        prefetch: batches prepared ahead, >= 1.
        read_ahead: batches whose files are read into the page cache before they are due, >= 0, for storage that answers
            late: a network, an object store, cold disks. Costs a little CPU time where the files are there already.
        roi_decoding: GPU only: decode just the window of the crop; "auto": where a self-test in a subprocess passes.
        hw_decoder_load: GPU only: share in [0, 1] of the images decoded by the hardware JPEG units.
        memory_padding: GPU only: bytes preallocated for decoding, >= 0.
        cpu_kernels: CPU only: who resizes, blends and normalises: "numba", kernels compiled for that, 1.5 times
            the images a second on two cores; "dali", its own operators; "auto": numba where it is installed.
        elastic: allow `load_state_dict` of a state with another number of ranks or batch size.
        on_error: what a file that cannot be read or decoded does: "raise" a `BadFileError` that names it, or "skip" it:
            the next good sample takes its place, everything else stays where it was.
        max_errors: with "skip", how many different files may be left out before it raises all the same, >= 0.
        handover: what comes as a third item, a `MixRecord`, with every batch; None: batches are pairs.
        neighbours: (samples, m) sample indices, a line for each sample, with a policy of partners="neighbours". The
            partners are read and decoded too, so a batch costs columns times as much.
        corrupt: labels to make wrong on purpose; the record holds the true ones.
        label_vectors: (samples, C) float targets in the place of class ids: multi-hot or regression. They are mixed by
            the policy's label weights.

    Raises:
        TypeError, ValueError: anything outside the above, before anything is built or decoded.
        FileNotFoundError: data that are not there.
    """
    place = resolve_rank(rank, world_size)
    batch_size = integer("train_loader", "batch_size", batch_size, at_least=1)
    seed = integer("train_loader", "seed", seed, at_least=0)
    source = open_source(data)
    for name, given, kind in (
        ("policy", policy, MixPolicy),
        ("handover", handover, HandOver),
        ("corrupt", corrupt, CorruptLabels),
    ):
        instance("train_loader", name, given, kind)
    form = targets if targets is not None else ("labels" if policy is None else "dense")
    choice("train_loader", "targets", form, ("dense", "compact", "labels"))
    if form == "labels" and policy is not None:
        raise ValueError(
            "train_loader: targets='labels' would lose the mixed labels; use 'dense' or 'compact'"
        )
    vectors = (
        None
        if label_vectors is None
        else np.ascontiguousarray(
            table("train_loader", "label_vectors", label_vectors, len(source), "fiub", "numbers"),
            dtype=np.float32,
        )
    )
    if vectors is not None and (targets is not None or corrupt is not None or num_classes is not None):
        raise ValueError(
            "train_loader: label_vectors take the place of targets=, corrupt= and num_classes=; leave those out"
        )
    max_errors = integer("train_loader", "max_errors", max_errors, at_least=0)
    choice("train_loader", "on_error", on_error, ON_ERROR)
    companions = companions_of(
        handover, neighbours, source, policy, batch_size, lambda s: BadFiles(len(s), on_error, max_errors)
    )
    if companions.pool(0) and policy is not None and policy.partners == "pool" and form != "compact":
        raise ValueError(
            "train_loader: unlabelled partners have no dense target; use targets='compact', where they are -1"
        )
    if transform is None:
        transform = TrainTransform(image_size)
    elif not isinstance(transform, TrainTransform):
        raise TypeError(f"train_loader: transform={transform!r}, expected a TrainTransform or None")
    elif repr(image_size) not in ("224", repr(transform.image_size)):
        raise ValueError(
            f"train_loader: image_size={image_size!r} and transform.image_size={transform.image_size!r}; give one"
        )
    spec = pipeline_spec(
        "train_loader",
        transform,
        place,
        device=device,
        roi_decoding=roi_decoding,
        hw_decoder_load=hw_decoder_load,
        memory_padding=memory_padding,
        cpu_kernels=cpu_kernels,
        mean=mean,
        std=std,
        dtype=dtype,
        channels_last=channels_last,
        num_threads=num_threads,
        prefetch=prefetch,
        batch_size=companions.rows(batch_size),
        clean=handover is not None and handover.clean,
    )
    order, samples = order_of_epochs(
        source, seed, sampler, class_groups, repeats, batch_size, place.world_size
    )
    return MixLoader(
        LoaderSpec(
            source=source,
            pipeline=spec,
            layout=EpochLayout(samples, batch_size, place.world_size, drop_last),
            order=order,
            rank=place,
            policy=policy,
            seed=seed,
            targets=form,
            num_classes=_num_classes("train_loader", num_classes, source.num_classes)
            if vectors is None
            else vectors.shape[1],
            elastic=elastic,
            on_error=on_error,
            max_errors=max_errors,
            labels=None if corrupt is None else corrupt(source.labels, source.num_classes),
            vectors=vectors,
            companions=companions,
            records=handover is not None,
            read_ahead=integer("train_loader", "read_ahead", read_ahead, at_least=0),
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
    read_ahead: int = 0,
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
    batch_size = integer("val_loader", "batch_size", batch_size, at_least=1)
    source = open_source(data)
    if transform is None:
        check_size("val_loader", image_size)
        if resize_size is None:
            resize_size = round(max(size_of(image_size)) * 256 / 224)
        transform = ValTransform(image_size, resize_size)
    elif not isinstance(transform, ValTransform):
        raise TypeError(f"val_loader: transform={transform!r}, expected a ValTransform or None")
    elif resize_size is not None or repr(image_size) not in ("224", repr(transform.image_size)):
        raise ValueError(
            f"val_loader: image_size={image_size!r}, resize_size={resize_size!r} and a transform; give the sizes "
            "or the transform"
        )
    spec = pipeline_spec(
        "val_loader",
        transform,
        place,
        device=device,
        roi_decoding=False,
        hw_decoder_load=hw_decoder_load,
        memory_padding=memory_padding,
        cpu_kernels="dali",
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
            order=Shuffled(0, len(source), shuffle=False),
            targets="labels",
            num_classes=_num_classes("val_loader", num_classes, source.num_classes),
            read_ahead=integer("val_loader", "read_ahead", read_ahead, at_least=0),
        )
    )


def _num_classes(owner: str, given: int | None, found: int) -> int:
    if given is None:
        return found
    if integer(owner, "num_classes", given, at_least=1) < found:
        raise ValueError(
            f"{owner}: num_classes={given}, but the data have {found} classes; expected num_classes >= {found}"
        )
    return given
