"""Remarks on data: what is odd about them, although they can be opened."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

_log = logging.getLogger("dali_mixup")


@dataclass(frozen=True)
class Remark:
    """Something about data that their owner should know.

    Attributes:
        text: one line.
        unfit: whether training on the data as they are is almost certainly a mistake; `dali-mixup check` then says so.
    """

    text: str
    unfit: bool = False


def log_remarks(remarks: Sequence[Remark]) -> None:
    """Logs every remark as a warning."""
    for remark in remarks:
        _log.warning("%s", remark.text)
