"""A state that was changed is refused when it is loaded, whatever is in it, and the loader stays as it was."""

from __future__ import annotations

import base64
import copy
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from dali_mixup import HandOver, Skip, Unlabelled
from dali_mixup._epochs.state import signed
from tests.damaged import new, ruin, run, same

WILD = [
    None,
    True,
    -1,
    0,
    1,
    2**31,
    2**64,
    10**400,
    1.5,
    float("nan"),
    float("inf"),
    "",
    "0",
    b"x",
    [],
    [1],
    ["a"],
]
WILD += [
    {},
    {"a": 1},
    [[]],
    [-1],
    [24],
    [10**30],
    list(range(24)),
    [True],
    [1.0],
    object(),
    "é\udc80",
    {1},
    1j,
]
WILD += [base64.b64encode(b"junk").decode(), "A" * 101]
GONE = object()

Place = tuple[Any, ...]


def places(thing: Any, place: Place = ()) -> Iterator[Place]:
    """Every value in nested mappings and lists, by the keys that lead there."""
    items = thing.items() if isinstance(thing, dict) else enumerate(thing) if isinstance(thing, list) else ()
    for key, item in items:
        yield (*place, key)
        yield from places(item, (*place, key))


def changed(state: dict[str, Any], place: Place, value: Any) -> dict[str, Any]:
    made = copy.deepcopy(state)
    inner: Any = made
    for key in place[:-1]:
        inner = inner[key]
    if value is GONE:
        del inner[place[-1]]
    else:
        inner[place[-1]] = value
    return made


@pytest.fixture
def loader(pictures: list[tuple[str, int]]) -> Any:
    """In the middle of its first epoch."""
    loader = new(pictures, bad_files=Skip())
    iterator = iter(loader)
    next(iterator)
    next(iterator)
    return loader


@pytest.fixture
def state(loader: Any) -> dict[str, Any]:
    return json.loads(json.dumps(loader.state_dict()))


def test_every_wild_value_everywhere_is_refused_by_name(
    pictures: list[tuple[str, int]], state: dict[str, Any]
) -> None:
    other = new(pictures, bad_files=Skip())
    before, tried = other.state_dict(), 0
    for place in places(state):
        for value in [*WILD, GONE]:
            damaged = changed(state, place, value)
            if damaged == state:
                continue  # True is 1
            tried += 1
            with pytest.raises((TypeError, ValueError), match="load_state_dict"):
                other.load_state_dict(damaged)
            assert other.state_dict() == before
    assert tried > 2000
    reference = new(pictures)
    assert same(run(other), run(reference)), "it goes on as if nobody had tried"


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        # Case 55: the loader looked for a good sample for ever.
        (("skipped",), list(range(24)), r"leaves out \(skipped\) 24 samples"),
        (("skipped",), [24], r"up to number 24, but the data have 24"),
        (("skipped_unlabelled",), [0], r"1 unlabelled samples .*this loader has none"),
        (("epoch",), 7, "epoch=7, step=2, but run and its count lead to epoch 0, step 2"),
        (("step",), 3, "epoch=0, step=3, but"),
        (("run", "count"), 10**30, "run.count=1000000000000000000000000000000, expected .* below 2"),
        (("run", "count"), 10**18, "lead to epoch 1666"),
        (("run", "walk", "offset"), 24, "offset 24 is outside an epoch of 24 samples"),
        (("rank",), 1, "rank=1"),
        (("fingerprint", "world_size"), 0, "world_size=0"),
        (("run", "dali"), "é", "run.dali is not base64"),
        (("run", "dali"), "A", "run.dali is not base64"),
    ],
)
def test_what_was_wrong_when_it_was_signed_is_refused_too(
    loader: Any, state: dict[str, Any], place: Place, value: Any, message: str
) -> None:
    before = loader.state_dict()
    with pytest.raises(ValueError, match=message):
        loader.load_state_dict(signed(changed(state, place, value)))
    assert loader.state_dict() == before


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (list(range(24)), r"leaves out \(skipped_unlabelled\) 24 samples"),
        ([24], r"\(skipped_unlabelled\) 1 samples up to number 24, but the data have 24"),
        ([True], "skipped_unlabelled=True is a bool"),
        (7, "skipped_unlabelled=7, expected a list"),
    ],
)
def test_unlabelled_samples_that_cannot_be_left_out_are_refused(
    pictures: list[tuple[str, int]], value: Any, message: str
) -> None:
    handover = HandOver(unlabelled=Unlabelled(pictures))
    loader = new(pictures, bad_files=Skip(), handover=handover)
    ruin(pictures, 5)
    for _ in loader:
        pass
    before, skipped = loader.state_dict(), loader.skipped
    assert before["skipped"] == before["skipped_unlabelled"] == [5]
    with pytest.raises((TypeError, ValueError), match=message):
        loader.load_state_dict(signed(changed(before, ("skipped_unlabelled",), value)))
    damaged = changed(before, ("run", "dali"), base64.b64encode(b"junk").decode())
    with pytest.raises(ValueError, match=r"run\.dali"):
        loader.load_state_dict(signed({**damaged, "skipped": [], "skipped_unlabelled": []}))
    assert loader.state_dict() == before and loader.skipped == skipped


def dali_of(state: dict[str, Any]) -> bytes:
    return base64.b64decode(state["run"]["dali"])


JUNK = {
    "junk": lambda raw: b"junk",
    "nothing": lambda raw: b"",
    "zeros": lambda raw: bytes(100),
    "half": lambda raw: raw[: len(raw) // 2],
    "twice": lambda raw: raw + raw,
    "another operator": lambda raw: raw.replace(b"ExternalSource_", b"InternalSource_"),
    "an earlier batch": lambda raw: raw.replace(b'"iter": 2', b'"iter": 1'),
    "a later batch": lambda raw: raw.replace(b'"iter": 2', b'"iter": 9'),
    "no number": lambda raw: raw.replace(b'"iter": 2', b'"iter":[]'),
    "below zero": lambda raw: raw.replace(b'"iter": 2', b'"iter":-2'),
}


@pytest.mark.parametrize("kind", JUNK)
def test_what_dali_could_not_continue_from_is_refused_when_it_is_loaded(
    pictures: list[tuple[str, int]], loader: Any, state: dict[str, Any], kind: str
) -> None:
    """Signed again by hand. DALI complained in the first batch, about protobuf, text or hexadecimal digits."""
    raw = dali_of(state)
    made = JUNK[kind](raw)
    assert made != raw
    damaged = signed(changed(state, ("run", "dali"), base64.b64encode(made).decode()))
    before = loader.state_dict()
    with pytest.raises(
        ValueError, match=r"load_state_dict: .*run\.dali.*load an earlier one, or begin the epoch anew"
    ):
        loader.load_state_dict(damaged)
    assert loader.state_dict() == before
    fresh = new(pictures, bad_files=Skip())
    fresh.load_state_dict(state)
    assert same(run(fresh), run(new(pictures))[2:]), "the state itself is fine"


def test_flipped_bytes_in_dalis_part_are_refused_or_change_nothing_but_pixels(
    pictures: list[tuple[str, int]], state: dict[str, Any]
) -> None:
    """Digits of a random generator's state are as good as any others: nobody can tell."""
    raw, rng = dali_of(state), np.random.RandomState(0)
    expected = indices_of(new(pictures))[2:]
    refused = 0
    for _ in range(60):
        flipped = bytearray(raw)
        flipped[rng.randint(len(raw))] ^= 1 << rng.randint(8)
        other = new(pictures)
        try:
            other.load_state_dict(
                signed(changed(state, ("run", "dali"), base64.b64encode(bytes(flipped)).decode()))
            )
        except ValueError as error:
            assert "run.dali" in str(error)
            refused += 1
        else:
            assert indices_of(other) == expected
    assert refused > 40


def indices_of(loader: Any) -> list[list[int]]:
    return [loader.last_batch.indices.tolist() for _ in loader]


def test_a_machine_that_can_build_no_pipeline_does_not_blame_the_state(
    loader: Any, state: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise MemoryError("no memory for a pipeline")

    monkeypatch.setattr("dali_mixup._loader.run.build", fails)
    with pytest.raises(MemoryError, match="no memory"):
        loader.load_state_dict(state)
