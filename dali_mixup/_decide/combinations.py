"""Settings of a policy that do not go together, and arguments that its methods need."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from dali_mixup._checks import checked_area, integer
from dali_mixup._decide.partner_rule import PartnerRule
from dali_mixup._decide.partners import Pool
from dali_mixup._decide.remix import Remix
from dali_mixup._repr import short
from dali_mixup.methods import Form, Method, MixUp

if TYPE_CHECKING:
    from dali_mixup._decide.policy import MixPolicy


def refuse_clashes(policy: MixPolicy) -> None:
    """Raise ValueError for settings of a policy, each of them checked, that do not go together."""
    _refuse_pairing(policy.rule, policy.columns, policy.granularity)
    _refuse_remix(policy.remix, policy.rule, policy.all_methods)
    _refuse_unimix(policy)
    if policy.label_mixing == "union":
        _refuse_union(policy.label_smoothing, policy.remix, policy.rule, policy.all_methods)


def _refuse_pairing(rule: PartnerRule, columns: int, granularity: str) -> None:
    """Raise ValueError for a partner rule that cannot give what the methods and the granularity need."""
    many = columns > 2
    if granularity == "pair" and (many or not rule.pairable):
        raise ValueError(
            f"MixPolicy: granularity='pair' joins rows in pairs; partners={rule!r} with methods of {columns} images "
            "cannot; expected partners='permutation', 'derangement' or 'flip' and methods of two images"
        )
    if rule.single and many:
        raise ValueError(
            f"MixPolicy: partners={rule!r} gives one partner per row, the methods combine {columns} images; expected a "
            "rule that gives several, such as 'permutation', 'derangement' or 'roll'"
        )


def _refuse_remix(remix: Remix | None, rule: PartnerRule, methods: Sequence[Method]) -> None:
    """Raise ValueError for settings that Remix cannot be used with."""
    if remix is None:
        return
    columns = max(method.columns for method in methods)
    mapped = [m for m in methods if getattr(m, "label_map", "identity") != "identity"]
    wrong = (
        (columns > 2, f"the methods combine {columns} images, Remix weighs two labels"),
        (isinstance(rule, Pool), "the unlabelled samples of a Pool have no class to count"),
        (rule.by_value, "the labels of LabelDistance are numbers, not classes to count"),
        (bool(mapped), f"{mapped} sets the label weights too"),
        *_extrapolating("weights", methods, "has label weights outside [0, 1], Remix compares those inside"),
    )
    for refused, why in wrong:
        if refused:
            raise ValueError(f"MixPolicy: remix={remix!r} is not possible: {why}; leave one of them out")


def _refuse_unimix(policy: MixPolicy) -> None:
    """Raise ValueError for settings that UniMix cannot be used with."""
    if policy.unimix is None:
        return
    other = [method for method in policy.all_methods if not isinstance(method, MixUp) or method.k > 2]
    decided = [
        m for m in policy.all_methods if isinstance(m, MixUp) and (m.label_map != "identity" or m.folded)
    ]
    wrong = (
        (bool(other), f"{other} does not blend two images by one lam"),
        (bool(decided), f"{decided} decides the weights of the rarer and the own image itself"),
        *_extrapolating("pixel_weights", policy.all_methods, "decides the weights of the pixels itself"),
        (policy.remix is not None, "remix sets the label weights too"),
        (isinstance(policy.rule, Pool), "the unlabelled samples of a Pool have no class to count"),
        (policy.rule.by_value, "the labels of LabelDistance are numbers, not classes to count"),
    )
    for refused, why in wrong:
        if refused:
            raise ValueError(
                f"MixPolicy: unimix={policy.unimix!r} is not possible: {why}; leave one of them out"
            )


def _refuse_union(
    smoothing: float, remix: Remix | None, rule: PartnerRule, methods: Sequence[Method]
) -> None:
    """Raise ValueError for settings that have no meaning where a row has all labels of its images."""
    mapped = [m for m in methods if getattr(m, "label_map", "identity") != "identity"]
    wrong = (
        (bool(smoothing), f"label_smoothing={smoothing:g} is of labels that sum to 1; smooth in the loss"),
        (remix is not None, "remix sets label weights, of which a union has none; leave one of them out"),
        (bool(mapped), f"{mapped} sets label weights, of which a union has none; leave out label_map"),
        *_extrapolating("pixel_weights", methods, "subtracts images, which a union cannot express"),
        (isinstance(rule, Pool), "the unlabelled samples of a Pool have no labels to unite"),
    )
    for refused, why in wrong:
        if refused:
            raise ValueError(f"MixPolicy: label_mixing='union' is not possible: {why}")


def _extrapolating(which: str, methods: Sequence[Method], why: str) -> list[tuple[bool, str]]:
    """The reason to refuse methods with such weights outside [0, 1], if there are any."""
    found = [method for method in methods if which in method.extrapolates]
    return [(True, f"{found} {why}")] if found else []


def refuse_compact(owner: str, label_mixing: str, targets: str) -> None:
    """Raise ValueError for compact targets, which cannot represent a union."""
    if label_mixing == "union" and targets == "compact":
        raise ValueError(
            f"{owner}: targets='compact' has weights that sum to 1, but policy.label_mixing='union' gives a row all "
            "labels of its images in full; use targets='dense'"
        )


def refuse_what_loaders_give(owner: str, policy: MixPolicy) -> None:
    """Raise ValueError for a policy that needs more than a batch, outside of the loaders: rows beyond it, class
    counts of the data, or maps of class ids."""
    if policy.rule.beyond_batch:
        raise ValueError(
            f"{owner}: partners={policy.partners!r} are read in addition to the batch, which only the loaders do; "
            "expected partners of the batch, such as 'permutation'"
            + (" or LabelDistance(bandwidth, within='batch')" if policy.rule.by_value else "")
        )
    _refuse_uncounted(owner, policy)
    if policy.needs_maps:
        raise ValueError(
            f"{owner}: {policy!r} has a method that needs the class of every pixel, which only the loaders give; "
            "expected methods such as CutMix, or train_loader(open_source(images, masks=...))"
        )


def refuse_missing(policy: MixPolicy, labels: np.ndarray | None, others: np.ndarray | None) -> None:
    """Raise ValueError for a plan without the labels or the rows beyond the batch that its policy needs."""
    if labels is None and (policy.needs_ids or policy.rule.by_value):
        raise ValueError(
            f"MixPolicy.plan: partners={policy.partners!r}, remix={policy.remix!r}, unimix={policy.unimix!r} need "
            f"labels: give labels=, the {'numbers' if policy.rule.by_value else 'class ids'} of the batch, as the "
            "loaders and fn.mix do"
        )
    _refuse_uncounted("MixPolicy.plan", policy)
    if (others is not None) != policy.rule.beyond_batch:
        raise ValueError(
            f"MixPolicy.plan: others={'...' if others is not None else None} with partners={policy.partners!r}; rows "
            "beyond the batch belong to Balanced, LabelDistance, Neighbours and Pool; the loaders pass them"
        )


def _refuse_uncounted(owner: str, policy: MixPolicy) -> None:
    for rule in policy.by_counts:
        if rule.counts is None:
            raise ValueError(
                f"{owner}: policy has {short(rule)} without counts, which only the loaders find out; give the "
                "number of samples of every class, such as np.bincount(labels)"
            )


def size_of(methods: Sequence[Method], height: int | None, width: int | None) -> tuple[int, int] | None:
    """(height, width) in pixels of the images to plan for, or None for rows of any shape.

    Raises:
        TypeError, ValueError: one of the two is missing or < 1, or both are and a method mixes parts of images.
    """
    if height is None and width is None:
        shaped = [method.name for method in methods if method.form != Form.BLEND]
        if shaped:
            raise ValueError(
                f"MixPolicy.plan: no height and width, but {', '.join(shaped)} mixes parts of images; give their size "
                "in pixels (only methods that blend whole rows, such as MixUp, need none)"
            )
        return None
    sides = {"height": height, "width": width}
    found = (integer("MixPolicy.plan", name, side, at_least=1) for name, side in sides.items())
    return checked_area("MixPolicy.plan", "the size", *found)
