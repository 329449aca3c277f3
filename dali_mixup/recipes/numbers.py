"""Numbers that YAML 1.1, which PyYAML reads, takes for something else than the author of a recipe."""

from __future__ import annotations

import re

_WITH_EXPONENT = re.compile(r"([+-]?[0-9]+)(\.[0-9]*)?e([+-]?)([0-9]+)", re.IGNORECASE)
_LARGEST = 1e30


def number_in_yaml(text: str, *, whole: bool) -> str | None:
    """How YAML 1.1 writes the number in a text: 1.0e-3 for "1e-3"; None if there is none, or none that a recipe needs.

    Args:
        text: any text.
        whole: as an integer, which it must be then: 200 for "2e2".
    """
    try:
        number = float(text)
    except ValueError:
        return None
    if not abs(number) <= _LARGEST:  # nor NaN
        return None
    if number.is_integer() and (whole or "e" not in text.lower()):
        return str(_integer(text, number))
    if whole:
        return None
    parts = _WITH_EXPONENT.fullmatch(text.strip()) or _WITH_EXPONENT.fullmatch(repr(number))
    return repr(number) if parts is None else f"{parts[1]}{parts[2] or '.0'}e{parts[3] or '+'}{parts[4]}"


def _integer(text: str, number: float) -> int:
    try:
        return int(text)  # which may have more digits than a float
    except ValueError:
        return int(number)


def misread(text: str, value: float) -> str | None:
    """What is wrong where YAML 1.1 reads a plain 0224 as 148, and 1:30 as 90; None if the number is what it seems.

    Args:
        text: as it stands in the file.
        value: as it is read.
    """
    if ":" in text:
        return f"{text} is read as {value}, since colons count in sixties; write {value}, or quotes for text"
    digits = text.replace("_", "")
    if re.fullmatch(r"[+-]?0\d+", digits) and int(digits) != value:
        return (
            f"{text} is read as {value}, since a leading zero means base 8; write {int(digits)} or {value}, or quotes "
            "for text"
        )
    return None
