"""The saved state of a loader, and the check that it fits the loader that is to continue it. Plain values only."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from dali_mixup._checks import integer
from dali_mixup._epochs.layout import EpochLayout

VERSION = 1

STREAM = "unlabelled_rows"
"""The key of a difference that one argument undoes: the rows per batch of an unlabelled stream."""

ELASTIC = ("batch_size", "world_size", "epoch_samples")
"""Differences that an elastic resume allows. The last may follow from the number of ranks, as with `Repeated`."""

_POSITION = ("epoch", "step", "offset")
_SKIPPED = ("skipped", "skipped_unlabelled")
_STATE = ("version", *_POSITION, "rank", "run", *_SKIPPED, "fingerprint", "digest")
_LONG = 300  # a value with more characters of JSON is saved as its digest, so that a state stays small


def refuse_unless_fits(saved: Mapping[str, Any], mine: Mapping[str, Any], elastic: bool | None) -> bool:
    """True if the state needs an elastic resume; False if it continues exactly.

    Args:
        saved: the state given to `load_state_dict`.
        mine: the loader's own fingerprint.
        elastic: whether another number of ranks or batch size is allowed; None: never, since the loader validates.

    Raises:
        TypeError, ValueError: not a loader's state, another state version, or other data, seed, policy, ...; the
            message lists every difference, saved value against current one.
    """
    _check_form(saved)
    different = differences(saved["fingerprint"], mine)
    refused = [(key, values) for key, values in different if not (elastic and key in ELASTIC)]
    if refused:
        listed = "; ".join(f"{key}: saved {before!r}, now {now!r}" for key, (before, now) in refused)
        advice = _advice(elastic, dict(refused))
        raise ValueError(f"load_state_dict: the state belongs to another run ({listed}); {advice}")
    return bool(different)


def _advice(elastic: bool | None, refused: Mapping[str, tuple[Any, Any]]) -> str:
    if elastic and list(refused) == [STREAM]:
        return f"give Unlabelled(batch_size={refused[STREAM][0]}), with which the stream keeps its rows per batch"
    if not all(key in ELASTIC for key in refused):
        return "build the loader as it was, or start a new run without the state"
    if elastic is None:
        return "begin the validation anew, without the state"
    return "build the loader with elastic=True to continue the epoch's remaining samples anyway"


def differences(first: Mapping[str, Any], second: Mapping[str, Any]) -> list[tuple[str, tuple[Any, Any]]]:
    """(dotted key, (first's value, second's value)) where two fingerprints differ; None if one has no such key."""
    a, b = dict(_flat(first)), dict(_flat(second))
    return [(key, (a.get(key), b.get(key))) for key in {**a, **b} if a.get(key) != b.get(key)]


def signed(state: dict[str, Any]) -> dict[str, Any]:
    """The state with a digest of its content, so that a damaged one is refused when it is loaded."""
    return {**state, "digest": _digest_of(state)}


def _digest_of(state: Mapping[str, Any]) -> str:
    rest = {key: item for key, item in state.items() if key != "digest"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()[:16]


def dealt_anew(saved: Mapping[str, Any], layout: EpochLayout) -> tuple[int, int]:
    """(epoch, offset) at which a loader with another batch size or number of ranks continues a state.

    Every sample that the saved run had consumed stays consumed; the rest of the epoch, from `offset` in its global
    order on, is laid out by `layout`. If the rest is too small for a step and remainders are dropped, or if nothing is
    left, that is the beginning of the next epoch. So it is if more was consumed than the epoch has on these ranks.

    Raises:
        ValueError: samples are left that the ranks cannot share in equal steps, and remainders are not dropped.
    """
    epoch, before, theirs = saved["epoch"], saved["offset"], saved["fingerprint"]
    old = replace(
        layout,
        batch_size=theirs["batch_size"],
        world_size=theirs["world_size"],
        samples=theirs["epoch_samples"] - before,
    )
    offset = before + old.consumed(saved["step"])
    left = layout.samples - offset
    if left <= 0:
        return epoch + 1, 0
    if layout.drop_last and left < layout.batch_size * layout.world_size:
        return epoch + 1, 0
    try:
        replace(layout, samples=left)
    except ValueError as error:
        raise ValueError(
            f"load_state_dict: {left} samples of epoch {epoch} are left, and {layout.world_size} ranks cannot "
            f"share them: {error} Resume with fewer ranks or another batch size, or begin epoch {epoch + 1} with "
            f"set_epoch({epoch + 1}) instead of loading the state"
        ) from None
    return epoch, offset


def described(thing: Any) -> Any:
    """The parameters of a policy or transform as JSON-able values, equal exactly if the parameters are.

    A function is represented by its name, since its code cannot be compared.
    """
    if hasattr(thing, "describe"):
        return described(thing.describe())
    if isinstance(thing, np.ndarray):
        return digest(thing)
    if dataclasses.is_dataclass(thing) and not isinstance(thing, type):
        thing = getattr(thing, "resolved", thing)  # a default that is written out makes no other run
        fields = {field.name: described(getattr(thing, field.name)) for field in dataclasses.fields(thing)}
        return {"is": type(thing).__qualname__, **fields}
    if isinstance(thing, Mapping):
        return {str(key): described(item) for key, item in thing.items()}
    if isinstance(thing, (list, tuple)):
        items = [described(item) for item in thing]
        text = json.dumps(items)
        return items if len(text) < _LONG else hashlib.sha256(text.encode()).hexdigest()[:16]
    if thing is None or isinstance(thing, (bool, int, float, str)):
        return thing
    if callable(thing):
        return f"{thing.__module__}.{getattr(thing, '__qualname__', type(thing).__qualname__)}"
    return str(thing)


def _check_form(saved: Any) -> None:
    """Raise TypeError or ValueError for a state that this library did not save."""
    _keys("a loader's state_dict", saved, _STATE)
    if saved["version"] != VERSION:
        raise ValueError(
            f"load_state_dict: state version {saved['version']!r}, this library reads {VERSION}; "
            "resume with the version of dali-mixup that saved it"
        )
    _keys("fingerprint", saved["fingerprint"], ELASTIC)
    _check_values(saved)
    try:
        whole = _digest_of(saved) == saved["digest"]
    except (TypeError, ValueError):  # values that were never JSON
        whole = False
    if not whole:
        raise ValueError(
            "load_state_dict: the state was changed or damaged after it was saved (its digest does not match); load an "
            "earlier one, or start the epoch anew with set_epoch"
        )


def _check_values(saved: Mapping[str, Any]) -> None:
    """Raise TypeError or ValueError for a value of another kind or out of range."""
    for key in _POSITION:
        integer("load_state_dict", key, saved[key], at_least=0)
    for key in ELASTIC:
        integer("load_state_dict", f"fingerprint.{key}", saved["fingerprint"][key], at_least=1)
    integer(
        "load_state_dict", "rank", saved["rank"], at_least=0, at_most=saved["fingerprint"]["world_size"] - 1
    )
    if saved["run"] is not None:
        _keys("run", saved["run"], ("walk", "count", "dali"))
        _keys("run.walk", saved["run"]["walk"], _POSITION)
        for key in _POSITION:
            integer("load_state_dict", f"run.walk.{key}", saved["run"]["walk"][key], at_least=0)
        integer("load_state_dict", "run.count", saved["run"]["count"], at_least=0)
        if not isinstance(saved["run"]["dali"], str):
            raise TypeError(f"load_state_dict: run.dali={saved['run']['dali']!r}, expected base64 text")
    for key in _SKIPPED:
        if not isinstance(saved[key], (list, tuple)):
            raise TypeError(f"load_state_dict: {key}={saved[key]!r}, expected a list of sample indices")
        for index in saved[key]:
            integer("load_state_dict", key, index, at_least=0)


def _keys(name: str, given: Any, expected: Sequence[str]) -> None:
    if not isinstance(given, Mapping):
        raise TypeError(f"load_state_dict: {name} is a {type(given).__name__}, expected a mapping")
    missing = [key for key in expected if key not in given]
    if missing:
        raise ValueError(
            f"load_state_dict: not a state of this loader: {', '.join(missing)} missing in {name}, "
            f"which has {sorted(map(str, given))}"
        )


def _flat(thing: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Every value of nested mappings and lists with its dotted name, so that differences can be named."""
    if isinstance(thing, Mapping):
        for key, item in thing.items():
            yield from _flat(item, f"{name}.{key}" if name else str(key))
    elif isinstance(thing, (list, tuple)):
        yield f"{name}.length", len(thing)
        for number, item in enumerate(thing):
            yield from _flat(item, f"{name}[{number}]")
    else:
        yield name, thing


def digest(array: np.ndarray | None) -> str | None:
    """A short digest of an array's shape, type and values; None for None."""
    if array is None:
        return None
    made = hashlib.sha256(f"{array.shape} {array.dtype}".encode())
    made.update(np.ascontiguousarray(array).data)
    return made.hexdigest()[:16]
