"""What the text in a cell of a table means: a number, or that there is no value."""

from __future__ import annotations

import math
import re

_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")
_NUMBER = re.compile(r"[+-]?([0-9]+[.,]?[0-9]*|[.,][0-9]+)([eE][+-]?[0-9]+)?")
_MISSING = frozenset({"nan", "na", "n/a", "<na>", "#n/a", "nat", "null", "none", "nil", "inf", "infinity"})
"""In lower case and without a sign: what pandas, R, SQL, spreadsheets and Python write, and what no label can be."""


def is_number(text: str) -> bool:
    """True for a whole number or a fraction, also with a comma, in ASCII digits."""
    return _NUMBER.fullmatch(text) is not None


def number_in(text: str) -> int | float:
    """The number that a text is; nan with a comma, which may be a decimal one, one of thousands or one of a list."""
    if _WHOLE.fullmatch(text):
        return int(text)
    return math.nan if "," in text else float(text)


def means_missing(text: str) -> bool:
    """True for texts that programs write where there is no value."""
    return text.strip().lower().lstrip("+-") in _MISSING
