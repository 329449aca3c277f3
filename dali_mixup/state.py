"""What a loader saves, and whether a saved state fits the loader that is to continue it. Plain values only."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from typing import Any

VERSION = 1

ELASTIC = ("batch_size", "world_size")
"""Differences that an elastic resume allows."""


def refuse_unless_fits(saved: Mapping[str, Any], mine: Mapping[str, Any], elastic: bool) -> bool:
    """Does the state need an elastic resume? False when it continues exactly.

    Args:
        saved: the state given to `load_state_dict`.
        mine: the loader's own fingerprint.
        elastic: whether other numbers of ranks and batch sizes are allowed.

    Raises:
        ValueError: not a loader's state, another state version, or other data, seed, policy, ...; the message lists
            every difference, saved against now.
    """
    missing = [key for key in ("version", "epoch", "step", "fingerprint") if key not in saved]
    if missing:
        raise ValueError(
            f"load_state_dict: not a state of this loader: {', '.join(missing)} missing in {sorted(saved)}"
        )
    if saved["version"] != VERSION:
        raise ValueError(
            f"load_state_dict: state version {saved['version']!r}, this library reads {VERSION}; "
            "resume with the version of dali-mixup that saved it"
        )
    theirs = saved["fingerprint"]
    different = [key for key in {**theirs, **mine} if theirs.get(key) != mine.get(key)]
    refused = [key for key in different if not (elastic and key in ELASTIC)]
    if refused:
        listed = "; ".join(f"{key}: saved {theirs.get(key)!r}, now {mine.get(key)!r}" for key in refused)
        only_elastic = all(key in ELASTIC for key in refused)
        advice = (
            "build the loader with elastic=True to continue the epoch's remaining samples anyway"
            if only_elastic
            else "build the loader as it was, or start a new run without the state"
        )
        raise ValueError(f"load_state_dict: the state belongs to another run ({listed}); {advice}")
    return bool(different)


def identity(thing: Any) -> str:
    """A short digest of a policy or transform: equal exactly where their parameters are."""
    return hashlib.sha256(repr(_plain(thing)).encode()).hexdigest()[:16]


def _plain(thing: Any) -> Any:
    """Parameters as nested plain values; a function counts by its name, since its code cannot be compared."""
    if dataclasses.is_dataclass(thing) and not isinstance(thing, type):
        fields = {field.name: _plain(getattr(thing, field.name)) for field in dataclasses.fields(thing)}
        return type(thing).__qualname__, fields
    if isinstance(thing, (list, tuple)):
        return [_plain(item) for item in thing]
    if isinstance(thing, Mapping):
        return {key: _plain(item) for key, item in thing.items()}
    if callable(thing):
        return f"{thing.__module__}.{thing.__qualname__}"
    return thing
