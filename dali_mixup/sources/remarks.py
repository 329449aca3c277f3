"""Remarks on data: oddities that do not prevent opening them."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

_log = logging.getLogger("dali_mixup")


@dataclass(frozen=True)
class Remark:
    """A remark about the data for their owner.

    Attributes:
        text: one line.
        unfit: whether training on the data as they are is almost certainly a mistake, which fails `dali-mixup check`.
    """

    text: str
    unfit: bool = False


def log_remarks(remarks: Sequence[Remark]) -> None:
    """Log every remark as a warning."""
    for remark in remarks:
        _log.warning("%s", remark.text)
