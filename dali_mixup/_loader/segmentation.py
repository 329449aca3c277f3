"""What segmentation changes in a loader: the arguments that it refuses, and the form of its targets."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import torch

from dali_mixup._checks import choice
from dali_mixup._decide.policy import MixPolicy
from dali_mixup._epochs.orders import ClassGroups, Order
from dali_mixup._loader.batch import Batch
from dali_mixup._loader.mixed_maps import averaging, mixed_ids, weighted_ids
from dali_mixup._loader.spec import LoaderSpec
from dali_mixup._repr import short
from dali_mixup.augment.extra import refuse_moving_extras
from dali_mixup.methods import MapMethod
from dali_mixup.sources.masks.pairs import ImagesWithMasks

log = logging.getLogger("dali_mixup")

TARGETS = ("labels", "dense")


def form_of_maps(
    owner: str,
    given: Any,
    policy: MixPolicy | None,
    labels: Any,
    order: Order,
    ignore_index: int,
    transform: Any,
) -> str:
    """The form of the targets of images with masks: "labels" for class ids per pixel, "dense" for soft targets.

    Raises:
        ValueError: arguments that belong to one label per image, an augmentation or a function that masks cannot
            follow, or a form that cannot hold the mixed maps.
    """
    if transform.draws.averages:
        stage = f"auto_augment={transform.auto_augment!r}" if transform.pixmix is None else "pixmix"
        raise ValueError(
            f"{owner}: {stage} averages an image with moved copies of it, and the class ids of its mask have no "
            "average; with masks, use another augmentation, such as auto_augment='ta_wide'"
        )
    refuse_moving_extras(owner, transform.extra, masks=True)
    by_label = policy is not None and (policy.needs_ids or policy.rule.by_value)
    union = policy is not None and policy.label_mixing == "union"
    methods = policy.all_methods if policy is not None else ()
    for name, wrong in (
        ("labels=", labels is not None),
        ("order=ClassGroups(...)", isinstance(order, ClassGroups)),
        ("a policy with label_mixing='union'", union),
        ("a policy whose partners or label weights depend on the class of an image", by_label),
    ):
        if wrong:
            raise ValueError(
                f"{owner}: {name} needs one label per image, and these images have masks; leave it out"
            )
    for method in methods:
        if "weights" in method.extrapolates:
            raise ValueError(
                f"{owner}: {short(method)} gives labels negative weights, which would be all that is left of a pixel "
                "that the other image's mask ignores; leave out extrapolate_labels"
            )
        if isinstance(method, MapMethod) and method.ignore_index != ignore_index:
            raise ValueError(
                f"{owner}: {method!r}, but the masks have ignore_index={ignore_index}; give the same to both"
            )
    averages = averaging(methods)
    form = given if given is not None else ("dense" if averages else "labels")
    if form == "compact":
        raise ValueError(
            f"{owner}: targets='compact' is for one label per image; images with masks have {TARGETS}"
        )
    choice(owner, "targets", form, TARGETS)
    if form == "labels" and averages:
        raise ValueError(
            f"{owner}: targets='labels' with {', '.join(averages)}, which average pixels, but class ids have no "
            "average; use targets='dense', or methods that copy pixels, such as CutMix"
        )
    if form == "labels" and policy is not None and policy.label_smoothing:
        raise ValueError(
            f"{owner}: policy has label_smoothing={policy.label_smoothing:g}, which class ids cannot hold; use "
            "label_smoothing=0 and smooth in the loss, or targets='dense'"
        )
    return form


def refuse_map_methods(owner: str, policy: MixPolicy | None) -> None:
    """Raise ValueError for a policy whose methods need masks, for data without."""
    if policy is not None and policy.needs_maps:
        names = ", ".join(method.name for method in policy.all_methods if isinstance(method, MapMethod))
        raise ValueError(
            f"{owner}: {names} needs the class of every pixel; give images with masks: open_source(images, masks=...)"
        )


def classes_of_pixels(owner: str, given: int | None, source: ImagesWithMasks, form: str) -> int:
    """The number of classes of masks that do not name them: the argument, at most 256, else 256, which is logged.

    Raises:
        ValueError: more classes than a mask can hold, or soft targets of an unknown number.
    """
    most = source.num_classes
    if given is None and form == "dense":
        raise ValueError(
            f"{owner}: targets='dense' has one channel per class; give num_classes, or classes= with their names"
        )
    if given is None:
        log.info(
            "%s: num_classes=%d, all that a mask can hold; give num_classes= to have the ids in the masks checked",
            owner,
            most,
        )
        return most
    if given > most:
        raise ValueError(f"{owner}: num_classes={given}; masks have 8 bits, expected at most {most}")
    source.refuse_ids_beyond(given)
    return given


def targets_of_maps(batch: Batch, spec: LoaderSpec, view: int) -> torch.Tensor:
    """(N, H, W) int64 class ids, or (N, num_classes, H, W) float32, as `spec.targets` says, of a view."""
    assert spec.paired is not None
    ids, plan, policy = batch.maps[view].ids, batch.plans[view], spec.policies[view]
    if spec.targets == "labels":
        n = len(batch.indices)
        return on_device(ids[:n] if plan is None else mixed_ids(plan, ids), spec).long()
    assert plan is not None or policy is None
    alone = [(ids[: len(batch.indices)], np.ones((1, 1, 1), np.float32))]
    parts = alone if plan is None else weighted_ids(plan, ids)
    smoothing = 0.0 if policy is None else policy.label_smoothing
    given = [(on_device(each, spec), on_device(weights, spec)) for each, weights in parts]
    return soft_maps(given, spec.num_classes, spec.paired.ignore_index, smoothing)


def soft_maps(
    parts: list[tuple[torch.Tensor, torch.Tensor]], num_classes: int, ignore_index: int, smoothing: float
) -> torch.Tensor:
    """(N, num_classes, H, W) float32: the sum of weights times one-hot ids, smoothed as dense targets are. What is
    ignored has no class, and no share.

    Args:
        parts: class ids (N, H, W) uint8 and weights that broadcast to them.
    """
    first = parts[0][0]
    shape = (len(first), num_classes, *first.shape[1:])
    soft = torch.zeros(shape, dtype=torch.float32, device=first.device)
    for ids, weights in parts:
        known = ids != ignore_index
        places = torch.where(known, ids, 0).long()[:, None]
        soft.scatter_add_(1, places, (known * weights)[:, None])
    if smoothing:
        soft = soft * (1 - smoothing) + soft.sum(1, keepdim=True) * (smoothing / num_classes)
    return soft


def on_device(array: np.ndarray, spec: LoaderSpec) -> torch.Tensor:
    """An array as a tensor on the device of the batch's images."""
    tensor = torch.from_numpy(array)
    # From memory that is not pinned, the host would wait for all work that is queued before the copy.
    tensor = tensor.pin_memory() if spec.device.type == "cuda" else tensor
    return tensor.to(spec.device, non_blocking=True)
