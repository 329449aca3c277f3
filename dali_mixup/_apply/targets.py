"""The label part of a plan on arrays and tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from dali_mixup._apply.class_ids import check_array, checked_tensor, one_per_row
from dali_mixup._apply.inputs import check_partners
from dali_mixup._checks import class_count

if TYPE_CHECKING:
    from dali_mixup._decide.plan import MixPlan

OWNER = "MixPlan.targets"


def mixed(plan: MixPlan, labels: Any, num_classes: int | None, others: Any) -> Any:
    """See `MixPlan.targets`."""
    labels = _as_numbers("labels", labels)
    others = None if others is None else _as_numbers("others", others)
    if others is not None and isinstance(labels, np.ndarray) != isinstance(others, np.ndarray):
        raise TypeError(f"{OWNER}: of labels and others one is a tensor; give both as tensors, or neither")
    given, more = tuple(labels.shape), None if others is None else tuple(np.shape(others))
    if not given or given[0] != len(plan) or (more is not None and more[1:] != given[1:]):
        also = "" if more is None else f", and those beyond the batch {more}"
        raise ValueError(
            f"{OWNER}: labels have shape {given}{also}; expected ({len(plan)},) class ids, or vectors of one length"
        )
    check_partners(OWNER, plan, None if more is None else more[0])
    if num_classes is not None:
        class_count(OWNER, num_classes)
        if not one_per_row(given):
            raise ValueError(
                f"{OWNER}: num_classes={num_classes} with labels of shape {given}; expected ({len(plan)},) or "
                f"({len(plan)}, 1) class ids, or no num_classes for vectors"
            )
        labels, others = labels.reshape(-1), None if others is None else others.reshape(-1)
    elif len(given) == 1 and not _fractional(labels):
        raise ValueError(
            f"{OWNER}: labels of type {labels.dtype} and shape {given} without num_classes; give num_classes if they "
            "are class ids, which have no average, or floats if they are values to be predicted"
        )
    elif plan.label_smoothing:
        raise ValueError(
            f"{OWNER}: labels without num_classes are vectors, and the effect of the policy's label_smoothing="
            f"{plan.label_smoothing:g} on them depends on their meaning; give num_classes if they are class ids, else "
            "use label_smoothing=0 and smooth the vectors beforehand"
        )
    if isinstance(labels, np.ndarray):
        known = labels if others is None else np.concatenate([labels, others])
        return _of_arrays(plan, known, num_classes, others is not None)
    return _of_tensors(plan, labels, num_classes, others)


def _as_numbers(name: str, labels: Any) -> Any:
    """A tensor, or an array, also of a list."""
    expected = "expected class ids or vectors of one length, as an array, a tensor or a list"
    if hasattr(labels, "is_floating_point"):  # a tensor, without importing torch
        if labels.is_complex():
            raise TypeError(f"{OWNER}: {name} are of type {labels.dtype}, {expected} of real numbers")
        return labels
    if not isinstance(labels, (np.ndarray, list, tuple)):
        raise TypeError(f"{OWNER}: {name} is a {type(labels).__name__}, {expected}")
    try:
        made = np.asarray(labels)
    except ValueError as error:
        raise ValueError(f"{OWNER}: {name} have different lengths, {expected}") from error
    if made.dtype.kind not in "biuf":
        raise TypeError(f"{OWNER}: {name} are of type {made.dtype}, {expected} of real numbers")
    return made


def _fractional(labels: Any) -> bool:
    if isinstance(labels, np.ndarray):
        return labels.dtype.kind == "f"
    return bool(labels.is_floating_point())


def _of_arrays(plan: MixPlan, labels: np.ndarray, num_classes: int | None, beyond: bool) -> np.ndarray:
    union = plan.label_mixing == "union"
    weights = plan.weights > 0 if union else plan.weights  # of a union: whether the label is in it
    if num_classes is None:
        dtype = np.float64 if labels.dtype == np.float64 else np.float32
        found = labels[plan.partners].astype(dtype)
        if union:
            has_share = weights.reshape(*weights.shape, *[1] * (found.ndim - 2))
            return np.where(has_share, found, dtype(-np.inf)).max(1)
        return np.einsum("nk,nk...->n...", weights.astype(dtype), found)
    check_array(OWNER, labels, num_classes, may_be_partners=beyond)
    return dense(plan, labels, num_classes)


def dense(plan: MixPlan, labels: np.ndarray, num_classes: int) -> np.ndarray:
    """(N, num_classes) float32, as `MixPlan.targets`, of labels that are ids in [0, num_classes): in the same steps as
    `MixedTargets.dense`, for the same bits.

    Args:
        labels: (M,) class ids, of the rows beyond the batch too.
    """
    union = plan.label_mixing == "union"
    weights = (plan.weights > 0 if union else plan.weights) * np.float32(1.0 - plan.label_smoothing)
    made = np.full((len(plan), num_classes), plan.label_smoothing / num_classes, np.float32)
    rows = np.arange(len(plan))
    for j in range(plan.partners.shape[1]):
        made[rows, labels[plan.partners[:, j]]] += weights[:, j]
    return made.clip(max=1) if union else made


def _of_tensors(plan: MixPlan, labels: Any, num_classes: int | None, others: Any) -> Any:
    import torch

    from dali_mixup.targets import MixedTargets

    if others is not None:
        labels = torch.cat([labels, others])
    if num_classes is not None:
        labels = checked_tensor(OWNER, labels, num_classes, may_be_partners=others is not None)
    partners, weights = (torch.from_numpy(array).to(labels.device) for array in (plan.partners, plan.weights))
    found = labels[partners.long()]
    union = plan.label_mixing == "union"
    if union:
        weights = (weights > 0).float()
    if num_classes is None:
        dtype = torch.float64 if labels.dtype == torch.float64 else torch.float32
        found, weights = found.to(dtype), weights.reshape(*weights.shape, *[1] * (found.dim() - 2))
        return found.masked_fill(weights == 0, -torch.inf).amax(1) if union else (weights * found).sum(1)
    dense = MixedTargets(found, weights, plan.label_smoothing).dense(num_classes)
    return dense.clamp_(max=1) if union else dense
