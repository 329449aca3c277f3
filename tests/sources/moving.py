"""Data whose files were copied to an object store: what to open instead, for the kinds of `kinds.py`.

Each takes the data and a function from a path to its URL.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from dali_mixup.sources import Source, ZipArchives, open_source


def itself(data: Any, url: Callable[[Any], str]) -> str:
    return url(data)


def moved_zip(data: Path, url: Callable[[Any], str]) -> Any:
    return ZipArchives(url(data), labels=url(data.with_name("train_map.txt")))


def moved_packed(part: Source, url: Callable[[Any], str]) -> Source:
    whole = open_source(url(Path(part.root, "pack.jsonl")))
    return whole.subset(sorted(range(len(whole)), key=whole.key))


def moved_pairs(pairs: list[tuple[str, int]], url: Callable[[Any], str]) -> list[tuple[str, int]]:
    return [(url(path), label) for path, label in pairs]


def moved_frame(frame: Any, url: Callable[[Any], str]) -> Any:
    return frame.assign(path=frame["path"].map(url))


def moved_subset(part: Any, url: Callable[[Any], str]) -> Any:
    from torch.utils.data import Subset

    return Subset(open_source(url(part.dataset.root)), part.indices)
