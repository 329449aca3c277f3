"""The form of a loader's targets, and the number of their columns. Pure functions of its arguments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from dali_mixup._checks import choice, class_count
from dali_mixup._decide.combinations import refuse_compact
from dali_mixup._decide.partners import Pool
from dali_mixup._decide.policy import MixPolicy
from dali_mixup._decide.relabel import Labels, LabelVectors
from dali_mixup._epochs.orders import Order
from dali_mixup._loader.segmentation import classes_of_pixels, form_of_maps, refuse_map_methods
from dali_mixup._loader.views import Views
from dali_mixup.sources import Source
from dali_mixup.sources.masks.pairs import ImagesWithMasks

TARGETS = ("dense", "compact", "labels")


def form_of_targets(
    owner: str,
    given: Any,
    views: Views,
    labels: Labels | None,
    source: Source,
    order: Order,
) -> str:
    """The form of the targets of all views: the argument, else the simplest that can hold them.

    Raises:
        ValueError: a form that could not represent them, or arguments that do not belong to images with masks.
    """
    policies = views.policies[: views.labelled]
    if isinstance(source, ImagesWithMasks):
        forms = {
            form_of_maps(owner, given, policy, labels, order, source.ignore_index, view.transform)
            for policy, view in zip(policies, views.specs[: views.labelled], strict=True)
        }
        return "dense" if "dense" in forms else "labels"
    forms = set()
    for policy in policies:
        refuse_map_methods(owner, policy)
        forms.add(_form(owner, given, policy, labels))
    return "labels" if forms == {"labels"} else given or "dense"


def _form(owner: str, given: Any, policy: MixPolicy | None, labels: Labels | None) -> str:
    """The form of one view's."""
    if isinstance(labels, LabelVectors):
        if given not in (None, "dense"):
            raise ValueError(
                f"{owner}: targets={given!r} with labels=LabelVectors(...), which has no class ids; expected 'dense'"
            )
        if policy is not None and isinstance(policy.rule, Pool):
            raise ValueError(
                f"{owner}: partners=Pool(...) with labels=LabelVectors(...): unlabelled partners have no vector; give "
                "class ids and targets='compact', where they are -1, or partners among the labelled samples"
            )
        return "dense"
    form = given if given is not None else ("labels" if policy is None else "dense")
    choice(owner, "targets", form, TARGETS)
    if policy is not None:
        refuse_compact(owner, policy.label_mixing, form)
    if form == "labels" and policy is not None:
        raise ValueError(f"{owner}: targets='labels' would lose the mixed labels; use 'dense' or 'compact'")
    if policy is not None and isinstance(policy.rule, Pool) and form != "compact":
        raise ValueError(
            f"{owner}: unlabelled partners have no dense target; use targets='compact', where they are -1"
        )
    return form


def classes_of_targets(
    owner: str,
    given: int | None,
    policies: Sequence[MixPolicy | None],
    source: Source,
    vectors: np.ndarray | None,
    form: str,
) -> int:
    """Number of columns of dense targets: the argument, else a policy's, else the number of classes in the data;
    ValueError where these disagree."""
    found = source.num_classes if vectors is None else vectors.shape[1]
    counts = {} if given is None else {"num_classes": class_count(owner, given)}
    of_policies = {p.num_classes for p in policies if p is not None and p.num_classes is not None}
    if len(of_policies) > 1:
        raise ValueError(
            f"{owner}: policies with num_classes={' and '.join(map(str, sorted(of_policies)))}; give one of them"
        )
    if of_policies:
        counts["policy.num_classes"] = of_policies.pop()
    if len(set(counts.values())) > 1:
        raise ValueError(f"{owner}: {' but '.join(f'{k}={v}' for k, v in counts.items())}; give one of them")
    if isinstance(source, ImagesWithMasks) and not source.classes_named:
        return classes_of_pixels(owner, next(iter(counts.values()), None), source, form)
    for name, count in counts.items():
        if count < found or (vectors is not None and count != found):
            least = "==" if vectors is not None else ">="
            raise ValueError(
                f"{owner}: {name}={count}, but the data have {found} classes; expected num_classes {least} {found}"
            )
        return count
    return found
