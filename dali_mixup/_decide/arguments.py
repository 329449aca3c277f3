"""The arguments that `fn.mix`, `MixNode` and `Mixer` check alike, before any batch: those that depend on the policy."""

from __future__ import annotations

from typing import Any

from dali_mixup._checks import class_count, integer
from dali_mixup._decide.combinations import refuse_what_loaders_give
from dali_mixup._decide.policy import MixPolicy, as_policy


def mixing_policy(owner: str, given: Any, without: str) -> MixPolicy:
    """The policy that `policy=` describes, one that needs no more than a batch.

    Args:
        without: what to do where nothing is to be mixed.
    """
    policy = as_policy(owner, given)
    if policy is None:
        raise TypeError(f"{owner}: policy=None, expected a MixPolicy or methods ({without})")
    refuse_what_loaders_give(owner, policy)
    return policy


def number_of_classes(owner: str, given: Any, policy: MixPolicy) -> int | None:
    """The argument `num_classes`, or the policy's; None: labels are no class ids."""
    classes = policy.num_classes if given is None else class_count(owner, given)
    if policy.num_classes not in (None, classes):
        raise ValueError(
            f"{owner}: num_classes={given} but policy.num_classes={policy.num_classes}; give one of them"
        )
    if classes is not None:
        for rule in policy.by_counts:
            rule.check(owner, classes)
    return classes


def refuse_labels(owner: str, policy: MixPolicy, ids: bool) -> None:
    """Raise ValueError for labels that the policy cannot work with: class ids, or else vectors."""
    if ids and policy.rule.by_value:
        raise ValueError(
            f"{owner}: partners={policy.partners!r} measures distances between vectors or numbers, but num_classes (as "
            "targets='compact') is for class ids; leave num_classes out, and give floats as labels"
        )
    if not ids and policy.needs_ids:
        raise ValueError(
            f"{owner}: partners={policy.partners!r}, remix={policy.remix!r} and unimix={policy.unimix!r} need class "
            "ids; give num_classes, and labels that are class ids"
        )
    if not ids and policy.label_smoothing:
        raise ValueError(
            f"{owner}: policy has label_smoothing={policy.label_smoothing:g} without num_classes, and its effect on "
            "vectors depends on their meaning; give num_classes if labels are class ids, else use label_smoothing=0 "
            "and smooth the vectors before: mixing preserves the smoothing"
        )


def steps_of_epoch(owner: str, given: Any, policy: MixPolicy) -> int | None:
    """The argument `steps_per_epoch`; None only if the policy's schedule does without."""
    steps = None if given is None else integer(owner, "steps_per_epoch", given, at_least=1)
    policy.schedules.active(0, 0, steps)  # which refuses to do without it where it cannot
    return steps
