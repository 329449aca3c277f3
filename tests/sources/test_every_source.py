"""What is promised for every kind of data, tested for every kind: see `kinds.KINDS`, which is where to add one."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from dali_mixup import BadFileError, CutMix, MixLoader, Runtime, Skip, train_loader, val_loader
from dali_mixup._graph.child import ChildProcess
from dali_mixup._graph.trial import Trial
from dali_mixup.check import Report, scan
from dali_mixup.sources import Source, open_source
from tests.object_store import S3Server
from tests.sources.kinds import CLASSES, KINDS, Kind, pictures

PAGE = Path(__file__).parents[2] / "docs" / "data.md"
BAD = 5
COLUMNS = ("random access", "labels known ahead", "resume", "elastic", "skip", "object storage")


CASES = [pytest.param((kind, False), id=kind.name) for kind in KINDS]
CASES += [pytest.param((kind, True), id=f"{kind.name}-in-a-bucket") for kind in KINDS if kind.moved]


@pytest.fixture(scope="module", params=CASES)
def case(request: pytest.FixtureRequest) -> tuple[Kind, bool]:
    return request.param


@pytest.fixture(scope="module")
def kind(case: tuple[Kind, bool]) -> Kind:
    return case[0]


Make = Callable[..., Any]


@pytest.fixture(scope="module")
def make(
    case: tuple[Kind, bool], request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Make:
    """Makes the data, with junk instead of the images at some positions; each only once."""
    kept: dict[tuple[int, ...], Any] = {}
    kind, moved = case

    def data(*junk: int) -> Any:
        if junk not in kept:
            place = tmp_path_factory.mktemp("data")
            kept[junk] = kind.made(pictures(junk), place)
            if moved:
                kept[junk] = in_bucket(request.getfixturevalue("s3"), kind, kept[junk], place)
        return kept[junk]

    return data


def in_bucket(s3: S3Server, kind: Kind, data: Any, place: Path) -> Any:
    bucket = f"kind-{place.name}-{kind.name.lower()[:20]}"
    s3.make_bucket(bucket)
    s3.put_folder(bucket, place)
    assert kind.moved is not None
    return kind.moved(data, lambda path: f"s3://{bucket}{str(path).removeprefix(str(place))}")


@pytest.fixture(scope="module")
def source(make: Make) -> Source:
    return open_source(make())


def loader(data: Any, **changed: Any) -> MixLoader:
    common = {"batch_size": 4, "image_size": 16, "device": "cpu", "runtime": Runtime(num_threads=1)}
    given = {"policy": CutMix(), "drop_last": False, "seed": 3, "rank": 0, "world_size": 1, **common}
    return train_loader(data, **{**given, **changed})


def rgb(encoded: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(encoded)).convert("RGB"))


def handed_out(one: MixLoader, steps: int | None = None) -> list[int]:
    """The samples of an epoch, or of its next steps, as they come."""
    seen: list[int] = []
    for step, _ in enumerate(one, start=1):
        seen += one.last_batch.indices.tolist()
        if step == steps:
            break
    return seen


def state_of(one: MixLoader) -> Any:
    return json.loads(json.dumps(one.state_dict()))


def test_the_samples_are_all_there_in_their_order(source: Source, kind: Kind) -> None:
    expected = pictures()
    assert source.labels.tolist() == [one.label for one in expected]
    assert source.num_classes == len(CLASSES) and source.classes_named is kind.named
    assert source.classes == (CLASSES if kind.named else ("0", "1", "2"))
    for index, one in enumerate(expected):
        image, label = source[index]
        assert label == one.label and np.array_equal(np.asarray(image), rgb(one.encoded))


def test_random_access(source: Source) -> None:
    wanted = np.array([9, 0, 13, 9])
    single = [source.feed(np.array([index]))[0].tobytes() for index in wanted]
    assert [row.tobytes() for row in source.feed(wanted)] == single
    assert all(row.dtype == np.uint8 and row.ndim == 1 for row in source.feed(wanted))


def test_labels_known_ahead(kind: Kind, make: Make) -> None:
    """Without them the images are read, so images that are none are noticed."""
    junk = make(*range(14))
    if kind.labels_known:
        assert open_source(junk).labels.tolist() == [one.label for one in pictures()]
    else:
        with pytest.raises(ValueError, match=r"labels=\[\.\.\.\]"):
            open_source(junk)


def test_keys_and_fingerprint_are_those_of_the_data(source: Source, make: Make) -> None:
    again = open_source(make())
    keys = [source.key(index) for index in range(len(source))]
    assert len(set(keys)) == len(keys) and keys == [again.key(index) for index in range(len(source))]
    assert again.fingerprint() == source.fingerprint()
    assert all(source.name(index).startswith(source.root) for index in range(len(source)))


def test_subset_exclude_and_classes(source: Source, make: Make, kind: Kind) -> None:
    part = source.subset([12, 3, 5]).exclude([source.key(3)])
    assert part.labels.tolist() == [pictures()[12].label, pictures()[5].label]
    assert part.encoded(0) == source.encoded(12) and part.encoded(1) == source.encoded(5)
    turned = open_source(make(), classes=CLASSES[::-1])
    assert turned.classes == CLASSES[::-1]
    expected = [2 - one.label if kind.named else one.label for one in pictures()]
    assert turned.labels.tolist() == expected
    if kind.named:
        with pytest.raises(ValueError, match=r"not in classes=: 'ant'"):
            open_source(make(), classes=["bee", "cat", "dog"])


def test_exactly_once_over_ranks(make: Make) -> None:
    for ours in (
        loader,
        lambda data, **shape: val_loader(data, **shape, batch_size=4, image_size=16, device="cpu"),
    ):
        seen = []
        for rank in range(3):
            with ours(make(), rank=rank, world_size=3) as one:
                seen += handed_out(one)
        assert sorted(seen) == list(range(14))


@pytest.mark.parametrize("steps", [1, 3])
def test_resume(make: Make, steps: int) -> None:
    with loader(make()) as whole, loader(make()) as stopped, loader(make()) as resumed:
        expected = list(whole)
        handed_out(stopped, steps)
        resumed.load_state_dict(state_of(stopped))
        rest = list(resumed)
        assert len(rest) == len(expected) - steps > 0
        for ours, theirs in zip(rest, expected[steps:], strict=True):
            assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))


def test_elastic(make: Make) -> None:
    seen, state = [], None
    for rank in range(2):
        with loader(make(), rank=rank, world_size=2, batch_size=2) as one:
            seen += handed_out(one, steps=2)
            state = state_of(one)
    for rank in range(3):
        with loader(make(), rank=rank, world_size=3, batch_size=2, elastic=True) as one:
            one.load_state_dict(state)
            seen += handed_out(one)
    assert sorted(seen) == list(range(14))


def test_skip(make: Make, kind: Kind) -> None:
    """A bad sample is named, and with `Skip` the next one takes its place."""
    data = make(BAD)
    if not kind.skips:
        with pytest.raises(ValueError, match=rf"\[{BAD}\] .* labels=\[\.\.\.\]"):
            open_source(data)
        return
    with loader(data, bad_files=Skip()) as one:
        seen = handed_out(one)
        assert one.skipped == (open_source(data).name(BAD),)
    assert sorted(seen) == sorted([*(index for index in range(14) if index != BAD), BAD + 1])
    with loader(data) as one, pytest.raises(BadFileError) as caught:
        handed_out(one)
    (file,) = caught.value.files
    assert file.index == BAD and file.name == open_source(data).name(BAD)


@pytest.fixture(scope="module")
def one_child() -> Iterator[None]:
    """The process in which `scan` decodes takes a second to start, so here all kinds of data share one."""
    started: list[ChildProcess] = []
    start = Trial._started

    def shared(trial: Trial) -> ChildProcess:
        if not started:
            started.append(start(trial))
        return started[0]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trial, "_started", shared)
        patch.setattr(Trial, "close", lambda trial: None)
        yield
    for child in started:
        child.end()


@pytest.mark.usefixtures("one_child")
def test_check(make: Make, kind: Kind) -> None:
    good = open_source(make())
    assert Report.of(good, scan(good)).fit
    if kind.skips:
        assert [finding.index for finding in scan(open_source(make(BAD))).findings] == [BAD]


def test_the_table_of_the_documentation_agrees() -> None:
    _, _, table = PAGE.read_text().partition(f"| Data | {' | '.join(COLUMNS)} |\n")
    lines = table.splitlines()[1:]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[: lines.index("")]]
    assert [row for row, *_ in rows] == [kind.row for kind in KINDS]
    for (_, *cells), kind in zip(rows, KINDS, strict=True):
        known = {"random access": True, "resume": True, "elastic": True}  # tested above for each
        known |= {"labels known ahead": kind.labels_known, "skip": kind.skips}
        known |= {"object storage": kind.moved is not None}
        assert cells == ["yes" if known[column] else "no" for column in COLUMNS], kind.row
