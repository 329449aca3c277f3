"""Fields of many lines at once: a list of a hundred million lines is cut by NumPy, not line by line.

A block is (bytes,) uint8 text; a field is given by where it begins and ends in each of its lines, (lines,) int64.
"""

from __future__ import annotations

import numpy as np


def line_feeds(block: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(begin, end) of every line of a block; the line feed is at the end."""
    ends = np.flatnonzero(block == ord("\n"))
    return np.concatenate([[0], ends[:-1] + 1]), ends


def cut(block: np.ndarray, begins: np.ndarray, ends: np.ndarray) -> bytes:
    """One field of every line, each followed by a zero byte. At least one byte lies between two of them."""
    marks = np.zeros(len(block) + 1, dtype=np.int8)
    marks[begins] = 1
    marks[ends + 1] -= 1
    pieces = block.copy()
    pieces[ends] = 0
    return pieces[np.cumsum(marks[:-1], dtype=np.int8).view(bool)].tobytes()


def numbers(
    block: np.ndarray, begins: np.ndarray, ends: np.ndarray, *, most_digits: int = 7
) -> np.ndarray | None:
    """(lines,) int32 of a field of decimal numbers; None if any has another form: a sign, a leading zero, or more than
    `most_digits` digits, at most 9. The default is that of a label, which is below `MOST_CLASSES`."""
    widths = ends - begins
    if not 1 <= widths.min() <= widths.max() <= most_digits:
        return None
    values = np.zeros(len(widths), dtype=np.int32)
    for place in range(int(widths.max())):
        there = widths > place
        digits = block[np.minimum(begins + place, len(block) - 1)] - np.uint8(
            ord("0")
        )  # others wrap round to > 9
        if (digits[there] > 9).any() or (place == 0 and ((digits == 0) & (widths > 1)).any()):
            return None
        values = np.where(there, 10 * values + digits, values)
    return values


def has(block: np.ndarray, places: np.ndarray, text: bytes) -> bool:
    """Whether `text` stands at each of the places."""
    if len(places) and int(places.max()) + len(text) > len(block):
        return False
    return all(bool((block[places + at] == byte).all()) for at, byte in enumerate(text))


def same(block: np.ndarray, begins: np.ndarray, ends: np.ndarray, texts: np.ndarray) -> bool:
    """Whether a field holds, in each line, exactly the text given for it: (lines,) bytes without zero bytes."""
    width = texts.dtype.itemsize
    if (ends - begins).max() > width:
        return False
    places = begins[:, None] + np.arange(width)
    letters = block[np.minimum(places, len(block) - 1)]
    letters[places >= ends[:, None]] = 0
    return bool((letters.view(f"S{width}")[:, 0] == texts).all())
