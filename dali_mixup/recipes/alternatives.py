"""Sections of a recipe that may stand for one of several classes: the key that says which, and their names."""

from __future__ import annotations

import re
from typing import NamedTuple

from dali_mixup._decide.from_data import Balanced
from dali_mixup._decide.label_distance import LabelDistance
from dali_mixup._decide.partner_rule import PartnerRule
from dali_mixup._epochs.orders import ClassGroups, Order, Repeated, Sequential, Shuffled
from dali_mixup.augment.sizes import MultiScale, SizeSchedule
from dali_mixup.methods import REGISTRY, Method

ALTERNATIVES: dict[type, tuple[type, ...]] = {
    Method: tuple(REGISTRY.values()),
    Order: (Shuffled, Sequential, ClassGroups, Repeated),
    PartnerRule: (Balanced, LabelDistance),  # those that need no data are given by name, tables in Python
}
"""The classes that an abstract class stands for."""


def _kind(cls: type) -> str:
    """ClassGroups as class_groups."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", cls.__name__).lower()


class NameTag(NamedTuple):
    """The key and the value that name a class: ("method", "mixup") or ("kind", "repeated")."""

    key: str
    name: str


_OF_A_KIND = (*ALTERNATIVES[Order], *ALTERNATIVES[PartnerRule], SizeSchedule, MultiScale)
_TAGS: dict[type, NameTag] = {
    **{cls: NameTag("method", name) for name, cls in REGISTRY.items()},
    **{cls: NameTag("kind", _kind(cls)) for cls in _OF_A_KIND},
}
KEYS = frozenset(tag.key for tag in _TAGS.values())


def tag_of(cls: type) -> NameTag | None:
    """None: the class stands alone and needs none."""
    return _TAGS.get(cls)
