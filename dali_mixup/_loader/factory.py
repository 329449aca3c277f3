"""train_loader and val_loader: they replace a dataset, transforms, a sampler and a DataLoader."""

from __future__ import annotations

import dali_mixup._graph.installed  # noqa: F401

# isort: split
from collections.abc import Iterable, Sequence
from typing import Any, Literal

import torch

from dali_mixup._checks import address, boolean, instance, integer
from dali_mixup._decide.class_counts import with_counts
from dali_mixup._decide.policy import MixPolicy, as_policy
from dali_mixup._decide.relabel import Labels, check_labels, labels_to_train_on
from dali_mixup._epochs.from_sampler import as_order
from dali_mixup._epochs.layout import EpochLayout
from dali_mixup._epochs.orders import Order, Sequential
from dali_mixup._epochs.ranks import rank_of_process
from dali_mixup._graph.options import Output, Runtime
from dali_mixup._loader.companions import HandOver, companions_of, stream_of
from dali_mixup._loader.foreign import says_what_replaces
from dali_mixup._loader.forms import classes_of_targets, form_of_targets
from dali_mixup._loader.loader import MixLoader
from dali_mixup._loader.settings import pipeline_spec, read_ahead
from dali_mixup._loader.spec import LoaderSpec
from dali_mixup._loader.views import one, policies_of, resolved
from dali_mixup.augment import TrainTransform, ValTransform, View
from dali_mixup.augment.extra import refuse_moving_extras
from dali_mixup.augment.sizes import ImageSize, checked_size
from dali_mixup.methods import Method
from dali_mixup.sources import open_source
from dali_mixup.sources.bad_files import BadFiles, Skip, as_rule
from dali_mixup.sources.classes import Classes
from dali_mixup.sources.masks.pairs import ImagesWithMasks

MOST_ROWS = 2**31 - 1  # DALI counts in 32 bits


@says_what_replaces
def train_loader(
    data: Any,
    *,
    policy: MixPolicy | Method | Sequence[Method] | None = None,
    batch_size: int,
    image_size: ImageSize | None = None,
    transform: TrainTransform | None = None,
    classes: Classes | None = None,
    num_classes: int | None = None,
    targets: Literal["dense", "compact", "labels"] | None = None,
    device: str | int | torch.device = "auto",
    seed: int = 0,
    rank: int | None = None,
    world_size: int | None = None,
    drop_last: bool = True,
    order: Order | Iterable[int] | None = None,
    labels: Labels | None = None,
    output: Output = Output(),
    runtime: Runtime = Runtime(),
    bad_files: Literal["raise"] | Skip = "raise",
    views: Sequence[View] | None = None,
    handover: HandOver | None = None,
    elastic: bool = False,
) -> MixLoader:
    """A loader of randomly cropped, flipped, mixed and normalised training batches.

    Every rank gets its share of one global order, new every epoch; all take the same number of steps and no sample
    comes twice in an epoch (except with `Repeated`). Mixing partners come from the rank's own batch.

    Args:
        data: a folder of class folders, a manifest, a list, a table, shards or archives, or a dataset of torchvision,
            torch or Hugging Face; images with masks for segmentation; see `open_source`.
        policy: a `MixPolicy`, or one or more methods, chosen with equal odds; None: no mixing.
        batch_size: samples per rank and step, 1 to 2**31 - 1.
        image_size: pixels, one number or (height, width), or a size that changes with the epoch or batch, as in
            `TrainTransform`; None: the transform's, or 224 without one.
        transform: random crop, resize, flip and augmentation; None: `TrainTransform(image_size)`.
        classes: the classes and their labels: names in the order of their labels, a mapping from name to label, a file
            of these, or an object that has them: another loader, a source, a torchvision dataset. None: the data's own,
            such as a folder's class folders in alphabetical order.
        num_classes: columns of dense targets, at least the data's classes; None: the policy's, else the data's classes.
        targets: "dense" (N, C) float32, "compact" `MixedTargets` or "labels" (N,) int64; None: dense with a policy,
            labels without one. With masks "labels" (N, H, W) int64 or "dense" (N, C, H, W) float32; None: labels unless
            the policy averages pixels.
        device: "auto", "cpu", "cuda", "cuda:N".
        seed: seed of order, augmentation and mixing, from 0 to 2**64 - 1.
        rank, world_size: None: those of an initialised process group, else of torchrun's environment, else one process.
        drop_last: leave out the last, smaller step; False: every sample exactly once.
        order: `Shuffled()`, `Sequential()`, `ClassGroups(2)`, `Repeated(3)`, or a `torch.utils.data.Sampler` over all
            samples, of one length in every epoch, which the loader divides among the ranks; None: `Shuffled()`.
        labels: replaces the data's class ids: `CorruptLabels(...)` or `LabelVectors(array)`.
        output: mean, std, dtype and memory format of the images.
        runtime: threads, prefetching and decoder settings; they change no batch's content.
        bad_files: what to do with a file that cannot be read or decoded: "raise" a `BadFileError` that names it, or
            `Skip(at_most=100)`: the next good sample takes its place, everything else stays where it was.
        views: several images of each sample, decoded once: a list of `View`, each with its own transform, size, policy
            and output, or the loader's; `images` is then a tuple, and so are targets if a view is mixed or has masks.
        handover: a `HandOver`: the parts of the `MixRecord` that comes as a third item; None: batches are pairs.
        elastic: allow `load_state_dict` of a state with another number of ranks or batch size.

    Raises:
        TypeError, ValueError: anything outside the above, before anything is built or decoded.
        FileNotFoundError: data that do not exist.
    """
    owner = "train_loader"
    process = rank_of_process(owner, rank, world_size)
    batch_size = integer(owner, "batch_size", batch_size, at_least=1, at_most=MOST_ROWS)
    seed = address(owner, "seed", seed)
    mixing = as_policy(owner, policy)
    instance(owner, "handover", handover, HandOver)
    check_labels(owner, labels)
    chosen = as_order(owner, order)
    rule = as_rule(owner, bad_files)
    transform = _train_transform(owner, image_size, transform)
    source = open_source(data, classes=classes)
    policies = policies_of(owner, views, mixing)
    trained, vectors = labels_to_train_on(owner, labels, source.labels, source.num_classes, policies)
    stream = stream_of(owner, handover, policies)
    companions = companions_of(
        owner, stream, source, policies, batch_size, trained, vectors, lambda s: BadFiles(len(s), rule)
    )
    shown = resolved(
        owner,
        views,
        mixing,
        transform,
        output,
        clean=handover is not None and handover.clean,
        stream=stream,
        beside=companions.neighbours is not None,
    )
    form = form_of_targets(owner, targets, shown, labels, source, chosen)
    chosen.check(trained, batch_size)
    layout = EpochLayout(
        chosen.length(len(source), process.world_size),
        batch_size,
        process.world_size,
        boolean(owner, "drop_last", drop_last),
    )
    return MixLoader(
        LoaderSpec(
            source=source,
            pipeline=pipeline_spec(
                owner,
                shown.specs,
                process,
                device,
                runtime,
                training=True,
                rows=companions.rows(layout.largest_batch),
            ),
            layout=layout,
            order=chosen,
            rank=process,
            policies=tuple(with_counts(owner, each, trained, source.num_classes) for each in shown.policies),
            seed=seed,
            targets=form,
            num_classes=classes_of_targets(owner, num_classes, policies, source, vectors, form),
            labels=trained,
            vectors=vectors,
            skip=rule,
            companions=companions,
            records=handover is not None,
            elastic=boolean(owner, "elastic", elastic),
            read_ahead=read_ahead(
                owner, runtime, (source, companions.unlabelled), companions.rows(batch_size)
            ),
            labelled_views=shown.labelled,
            unlabelled_views=shown.of_unlabelled,
            several_views=shown.several,
        )
    )


@says_what_replaces
def val_loader(
    data: Any,
    *,
    batch_size: int,
    image_size: int | tuple[int, int] | None = None,
    transform: ValTransform | None = None,
    classes: Classes | None = None,
    num_classes: int | None = None,
    device: str | int | torch.device = "auto",
    rank: int | None = None,
    world_size: int | None = None,
    output: Output = Output(),
    runtime: Runtime = Runtime(),
) -> MixLoader:
    """A loader of centre-cropped, normalised validation batches with (N,) int64 labels, or with masks (N, H, W) int64
    class ids, in the data's own order.

    Pass the training loader as `classes=`: a validation folder that lacks a class would shift the labels of all
    classes after it. Every sample comes exactly once over all ranks and no batch is empty. Ranks take equally
    many steps wherever that is possible; with fewer samples than ranks, or batches of one, some take one step fewer.

    Args: as `train_loader`, and
        image_size: pixels, one number or (height, width); None: the transform's, or 224 without one.
        transform: resize and centre crop; None: `ValTransform(image_size)`, which first resizes to 256 / 224 of it.

    Raises: as `train_loader`.
    """
    owner = "val_loader"
    process = rank_of_process(owner, rank, world_size)
    batch_size = integer(owner, "batch_size", batch_size, at_least=1, at_most=MOST_ROWS)
    instance(owner, "transform", transform, ValTransform)
    transform = _sized(owner, image_size, transform, ValTransform)
    source = open_source(data, classes=classes)
    refuse_moving_extras(owner, transform.extra, isinstance(source, ImagesWithMasks))
    layout = EpochLayout(len(source), batch_size, process.world_size, drop_last=False, ragged=True)
    return MixLoader(
        LoaderSpec(
            source=source,
            pipeline=pipeline_spec(
                owner,
                one(owner, transform, output).specs,
                process,
                device,
                runtime,
                training=False,
                rows=layout.largest_batch,
            ),
            layout=layout,
            rank=process,
            policies=(None,),
            seed=0,
            order=Sequential(),
            targets="labels",
            num_classes=classes_of_targets(owner, num_classes, (None,), source, None, "labels"),
            labels=source.labels,
            read_ahead=read_ahead(owner, runtime, (source,), batch_size),
        )
    )


def _train_transform(owner: str, image_size: Any, transform: TrainTransform | None) -> TrainTransform:
    instance(owner, "transform", transform, TrainTransform)
    return _sized(owner, image_size, transform, TrainTransform)


def _sized(owner: str, image_size: Any, transform: Any, kind: Any) -> Any:
    """The transform, made from the image size if none is given; ValueError if the two disagree."""
    if image_size is None:
        return kind() if transform is None else transform
    if transform is None:
        return kind(checked_size(owner, image_size))
    if _pair(checked_size(owner, image_size)) != _pair(transform.image_size):
        raise ValueError(
            f"{owner}: image_size={image_size!r} and transform.image_size={transform.image_size!r}; give one of them, "
            "or the same twice"
        )
    return transform


def _pair(size: ImageSize) -> Any:
    return (size, size) if isinstance(size, int) else size
