"""Bad files with bad_files=Skip(): others take their place."""

from __future__ import annotations

import json
import logging
import os
import shutil
import tarfile
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from dali_mixup import BadFileError, HandOver, Runtime, Skip, Unlabelled
from tests.damaged import BATCH, COUNT, in_step, new, ruin, run, same
from tests.odd_images import DAMAGED, ROTATED, SILENT, SOUND


@pytest.mark.parametrize("name", DAMAGED)
def test_every_damaged_file_is_skipped(odd: Path, pictures: list[tuple[str, int]], name: str) -> None:
    at = in_step(1, 2)
    pictures[at] = (str(odd / name), pictures[at][1])
    loader = new(pictures, bad_files=Skip())
    assert len(run(loader)) == len(loader) == COUNT // BATCH
    assert loader.skipped == (str(odd / name),)


@pytest.mark.parametrize("name", [*SOUND, ROTATED, SILENT])
def test_no_sound_file_is_skipped(odd: Path, pictures: list[tuple[str, int]], name: str) -> None:
    at = in_step(1, 2)
    pictures[at] = (str(odd / name), pictures[at][1])
    loader = new(pictures, bad_files=Skip())
    assert len(run(loader)) == len(loader)
    assert loader.skipped == ()


@pytest.mark.parametrize("source", ["pairs", "tar"])
def test_skipping_moves_nothing_else(pictures: list[tuple[str, int]], tmp_path: Path, source: str) -> None:
    """Two epochs against those of the undamaged files: only rows that the bad sample takes part in differ."""

    def data(name: str) -> Any:
        if source == "pairs":
            return list(pictures)
        with tarfile.open(tmp_path / name, "w") as tar:
            for i, (path, label) in enumerate(pictures):
                (tmp_path / "label").write_text(str(label))
                tar.add(path, f"{i:04}.jpg")
                tar.add(tmp_path / "label", f"{i:04}.cls")
        return str(tmp_path / name)

    expected = run(new(data("good.tar")), epochs=2)
    bad = {in_step(0, 0), in_step(3, 1), in_step(3, 2)}
    for index in bad:
        ruin(pictures, index)
    loader = new(data("bad.tar"), bad_files=Skip())
    got = run(loader, epochs=2)
    assert len(got) == len(expected) and len(loader.skipped) == 3
    touched = 0
    for (x, y, indices), (u, v, wanted) in zip(got, expected, strict=True):
        replaced = np.isin(wanted, list(bad))
        assert np.array_equal(indices[~replaced], wanted[~replaced]) and not set(indices) & bad
        mixed_with_it = replaced | replaced[::-1]  # partners="flip"
        rows = torch.from_numpy(~mixed_with_it)
        assert torch.equal(x[rows], u[rows]) and torch.equal(y[rows], v[rows])
        touched += mixed_with_it.sum()
    assert touched > 0


def test_a_stand_in_has_its_own_label(pictures: list[tuple[str, int]]) -> None:
    at = 5  # the last of its class; sample 6 is of the next one
    ruin(pictures, at)
    loader = new(pictures, bad_files=Skip(), policy=None)
    for _, labels in loader:
        assert labels.tolist() == [pictures[i][1] for i in loader.last_batch.indices]
        assert at not in loader.last_batch.indices


def test_neighbouring_bad_files_are_all_passed_over(pictures: list[tuple[str, int]]) -> None:
    for index in (22, 23, 0, 1):
        ruin(pictures, index)
    loader = new(pictures, bad_files=Skip())
    seen = np.concatenate([indices for *_, indices in run(loader)])
    assert len(loader.skipped) == 4 and not set(seen) & {22, 23, 0, 1}
    assert (seen == 2).sum() == 5, "its own place and those of the four bad ones"


def test_skipping_is_logged_with_the_name_and_the_count(
    pictures: list[tuple[str, int]], caplog: pytest.LogCaptureFixture
) -> None:
    name = ruin(pictures, in_step(1, 1))
    with caplog.at_level(logging.WARNING, logger="dali_mixup"):
        run(new(pictures, bad_files=Skip(at_most=7)), epochs=2)
    (said,) = [record.getMessage() for record in caplog.records if "leaving out" in record.getMessage()]
    assert name in said and "1 of at most 7" in said


def test_bad_files_of_one_batch_are_counted_one_by_one(
    pictures: list[tuple[str, int]], caplog: pytest.LogCaptureFixture
) -> None:
    for row in (0, 1, 2):
        ruin(pictures, in_step(1, row))
    with caplog.at_level(logging.WARNING, logger="dali_mixup"):
        run(new(pictures, bad_files=Skip(at_most=7)))
    said = [record.getMessage() for record in caplog.records if "leaving out" in record.getMessage()]
    assert [line.rpartition("; ")[2] for line in said] == [f"{count} of at most 7)" for count in (1, 2, 3)]


def test_too_many_bad_files_end_the_run(pictures: list[tuple[str, int]]) -> None:
    names = [ruin(pictures, in_step(step, 0)) for step in (0, 2, 4)]
    loader, seen = new(pictures, bad_files=Skip(at_most=2)), 0
    with pytest.raises(BadFileError, match=rf"3 files .*at_most=2.*{names[2]}"):
        for _ in loader:
            seen += 1
    assert seen == 4
    assert loader.state_dict()["step"] == 4


def test_no_file_may_be_bad_with_at_most_0(pictures: list[tuple[str, int]]) -> None:
    ruin(pictures, in_step(0, 0))
    with pytest.raises(BadFileError, match="at_most=0"):
        next(iter(new(pictures, bad_files=Skip(at_most=0))))


def test_a_file_removed_in_the_middle_of_an_epoch(pictures: list[tuple[str, int]]) -> None:
    loader = new(pictures, bad_files=Skip(), runtime=Runtime(2, prefetch=1))
    iterator = iter(loader)
    next(iterator)
    gone = pictures[in_step(4, 3)][0]
    os.remove(gone)
    assert len(list(iterator)) == 5
    assert loader.skipped == (gone,)


def test_the_state_remembers_what_was_skipped(pictures: list[tuple[str, int]]) -> None:
    bad = sorted({in_step(0, 1), in_step(3, 0)})
    for index in bad:
        ruin(pictures, index)
    whole = run(new(pictures, bad_files=Skip()), epochs=2)
    for stop in range(1, 7):
        loader = new(pictures, bad_files=Skip())
        iterator = iter(loader)
        for _ in range(stop):
            next(iterator)
        state = json.loads(json.dumps(loader.state_dict()))
        assert set(state["skipped"]) <= set(bad) and (stop < 4 or state["skipped"] == bad)
        resumed = new(pictures, bad_files=Skip())
        resumed.load_state_dict(state)
        assert len(resumed.skipped) == len(state["skipped"])
        rest = run(resumed, epochs=1 if stop == 6 else 2)
        assert same(rest, whole[stop:])


def test_a_file_repaired_later_stays_left_out_of_a_resumed_run(pictures: list[tuple[str, int]]) -> None:
    at = in_step(0, 1)
    good = shutil.copy(pictures[at][0], f"{pictures[at][0]}.good")
    ruin(pictures, at)
    loader = new(pictures, bad_files=Skip())
    iterator = iter(loader)
    next(iterator)
    state, expected = loader.state_dict(), run(new(pictures, bad_files=Skip()), epochs=2)[1:]
    shutil.copy(good, pictures[at][0])
    resumed = new(pictures, bad_files="raise")
    resumed.load_state_dict(state)
    assert same(run(resumed, epochs=2), expected)


class TestUnlabelled:
    """The unlabelled stream reads copies of the pictures, so that its files are bad alone."""

    @pytest.fixture
    def others(self, pictures: list[tuple[str, int]], tmp_path: Path) -> list[tuple[str, int]]:
        (tmp_path / "unlabelled").mkdir()
        return [
            (str(shutil.copy(path, tmp_path / "unlabelled" / f"{i:02}.jpg")), 0)
            for i, (path, _) in enumerate(pictures)
        ]

    @staticmethod
    def make(pictures: list[tuple[str, int]], others: list[tuple[str, int]], **changed: Any) -> Any:
        stream = HandOver(unlabelled=Unlabelled(others))
        return new(pictures, **{"bad_files": Skip(), "handover": stream, **changed})

    @staticmethod
    def batches(loader: Any) -> list[list[torch.Tensor]]:
        return [[x, y, *record.unlabelled, record.unlabelled_ids] for x, y, record in loader]

    @staticmethod
    def first_two(loader: Any) -> list[int]:
        """Unlabelled samples of the first two batches."""
        return [int(i) for _, _, record in islice(loader, 2) for i in record.unlabelled_ids]

    def test_a_resumed_run_leaves_out_the_same_after_a_repair(
        self, pictures: list[tuple[str, int]], others: list[tuple[str, int]], tmp_path: Path
    ) -> None:
        at = self.first_two(self.make(pictures, others))[1]
        good = shutil.copy(others[at][0], tmp_path / "good")
        gone, labelled = ruin(others, at), ruin(pictures, in_step(0, 1))
        loader = self.make(pictures, others)
        iterator = iter(loader)
        next(iterator)
        state = json.loads(json.dumps(loader.state_dict()))
        assert (state["skipped"], state["skipped_unlabelled"]) == ([in_step(0, 1)], [at])
        assert loader.skipped == (labelled, gone)
        expected = self.batches(iterator) + self.batches(loader)
        shutil.copy(good, gone)
        resumed = self.make(pictures, others, bad_files="raise")
        resumed.load_state_dict(state)
        assert resumed.skipped == (labelled, gone) and resumed.state_dict() == state
        got = self.batches(resumed) + self.batches(resumed)
        assert len(got) == len(expected) == 11
        for a, b in zip(got, expected, strict=True):
            assert all(torch.equal(x, y) for x, y in zip(a, b, strict=True))

    def test_an_earlier_state_forgets_what_was_found_later(
        self, pictures: list[tuple[str, int]], others: list[tuple[str, int]]
    ) -> None:
        at = self.first_two(self.make(pictures, others))[1]
        loader = self.make(pictures, others)
        before = loader.state_dict()
        gone = ruin(others, at)
        expected = self.batches(loader)
        assert loader.skipped == (gone,)
        loader.load_state_dict(before)
        assert loader.skipped == () and loader.state_dict() == before
        for a, b in zip(self.batches(loader), expected, strict=True):
            assert all(torch.equal(x, y) for x, y in zip(a, b, strict=True))
        assert loader.skipped == (gone,)


def test_it_costs_no_decoding_while_no_file_is_bad(
    pictures: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    import dali_mixup._loader.run

    def never(*_: Any) -> None:
        raise AssertionError("nothing failed")

    monkeypatch.setattr(dali_mixup._loader.run, "unusable", never)
    assert same(run(new(pictures, bad_files=Skip()), 2), run(new(pictures), 2))


def test_a_look_ahead_leaves_no_file_out(tmp_path: Path, pictures: list[tuple[str, int]]) -> None:
    """Nor one that stands in a batch after the one that was looked at."""
    (tmp_path / "others").mkdir()
    copies = [shutil.copy(path, tmp_path / "others" / f"{i:02}.jpg") for i, (path, _) in enumerate(pictures)]
    unlabelled = [(str(copy), 0) for copy in copies]
    for index in range(0, COUNT, 2):
        ruin(unlabelled, index)
    for at in (in_step(0, 1), in_step(1, 2)):
        ruin(pictures, at)
    loader = new(pictures, bad_files=Skip(), handover=HandOver(unlabelled=Unlabelled(unlabelled)))
    before = loader.state_dict()
    shown = loader.peek()
    assert loader.state_dict() == before and loader.skipped == ()
    first = next(iter(loader))
    assert torch.equal(shown[0], first[0]) and torch.equal(shown[2].unlabelled[0], first[2].unlabelled[0])
    assert loader.skipped
