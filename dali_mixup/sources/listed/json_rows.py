"""Rows of a manifest as `write_manifest` writes them, many at a time."""

from __future__ import annotations

import numpy as np

from dali_mixup.sources.listed.fields import cut, has, line_feeds, numbers, same

SIZE_NAMES = ("width", "height", "bytes")
_WIDEST = 256
"""Bytes of the longest class name that is compared in this way."""


def class_texts(classes: tuple[str, ...]) -> np.ndarray:
    """Class names as bytes, for `plain_rows`."""
    return np.array([name.encode("utf-8", "backslashreplace") for name in classes] or [b""])


def plain_rows(block: bytes, classes: np.ndarray) -> tuple[bytes, np.ndarray] | None:
    """(names, labels) of a block of lines if all of them are surely such rows, with correct classes and paths; else
    None. Names are each followed by a zero byte; labels are (lines,) int32.

    A row is a JSON object of this form, without escapes, with or without the last three fields:

        {"path": "a/1.jpg", "class": "a", "label": 0, "width": 500, "height": 375, "bytes": 109524}
    """
    if b"\\" in block or b".." in block or b"://" in block or classes.dtype.itemsize > _WIDEST:
        return None
    text = np.frombuffer(block, dtype=np.uint8)
    begins, ends = line_feeds(text)
    quotes = np.flatnonzero(text == ord('"'))
    each, odd = divmod(len(quotes), len(ends))
    if odd or each not in (10, 16) or np.count_nonzero(text < ord(" ")) != len(ends):
        return None
    at = quotes.reshape(
        -1, each
    ).T  # at[k][i]: the k-th quote of line i, if every line begins with a quote's brace
    path, class_name, label = (at[2] + 1, at[3]), (at[6] + 1, at[7]), at[9] + 3
    if not has(text, begins, b'{"path": "') or (at[0] != begins + 1).any():
        return None
    if not has(text, at[3], b'", "class": "') or not has(text, at[7], b'", "label": '):
        return None
    if not has(text, ends - 1, b"}"):
        return None
    stops = [at[10] - 2, at[12] - 2, at[14] - 2, ends - 1] if each == 16 else [ends - 1]
    for stop, name, begin in zip(stops, SIZE_NAMES, at[11::2], strict=False):
        if not has(text, stop, f', "{name}": '.encode()):
            return None
        following = stops[SIZE_NAMES.index(name) + 1]
        if numbers(text, begin + 3, following, most_digits=9) is None:
            return None
    labels = numbers(text, label, stops[0])
    if labels is None or labels.max() >= len(classes) or not same(text, *class_name, classes[labels]):
        return None
    if (path[1] == path[0]).any() or (text[path[0]] == ord("/")).any():
        return None
    return cut(text, *path), labels
