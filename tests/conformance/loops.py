"""Loops over a loader, for the suites in this folder."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

New = Callable[[], Any]
Digest = Callable[[Any], str]
Whole = list[list[str]]


def epoch(loader: Any, digest: Digest) -> list[str]:
    return [digest(batch) for batch in loader]


def epochs(loader: Any, digest: Digest, count: int) -> list[list[str]]:
    return [epoch(loader, digest) for _ in range(count)]


def through_json(state: Any) -> Any:
    return json.loads(json.dumps(state))


def indices(loader: Any) -> list[int]:
    return [index for batch in loader.batch_sampler for index in batch]


def at(new: New, number: int) -> Any:
    loader = new()
    loader.set_epoch(number)
    return loader
