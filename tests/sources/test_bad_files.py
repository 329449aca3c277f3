"""Bad files with bad_files="raise": they are named."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from dali_mixup import BadFileError, MixPolicy, MixUp, Skip, val_loader
from tests.damaged import in_step, new, ruin, run, same
from tests.odd_images import DAMAGED


@pytest.mark.parametrize("name", DAMAGED)
def test_every_damaged_file_is_named(odd: Path, pictures: list[tuple[str, int]], name: str) -> None:
    at = in_step(2, 1)
    pictures[at] = (str(odd / name), 0)
    loader, seen = new(pictures), 0
    with pytest.raises(BadFileError) as caught:
        for _ in loader:
            seen += 1
    assert seen == 2, "the batches before it are handed out"
    assert [(file.index, file.name) for file in caught.value.files] == [(at, str(odd / name))]
    assert str(odd / name) in str(caught.value) and "bad_files=Skip()" in str(caught.value)


def test_a_missing_file_is_named_and_called_missing(pictures: list[tuple[str, int]]) -> None:
    os.remove(pictures[in_step(0, 2)][0])
    with pytest.raises(BadFileError, match=rf"{pictures[in_step(0, 2)][0]}: missing"):
        next(iter(new(pictures)))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_an_unreadable_file_is_named(pictures: list[tuple[str, int]]) -> None:
    path = pictures[in_step(0, 2)][0]
    os.chmod(path, 0)
    with pytest.raises(BadFileError, match=path):
        next(iter(new(pictures)))


def test_all_bad_files_of_a_batch_are_named(pictures: list[tuple[str, int]]) -> None:
    names = {ruin(pictures, in_step(1, row)) for row in (0, 3)}
    iterator = iter(new(pictures))
    next(iterator)
    with pytest.raises(BadFileError) as caught:
        next(iterator)
    assert {file.name for file in caught.value.files} == names


def test_after_the_error_the_iterator_stays_ended_and_the_state_is_right_before_it(
    pictures: list[tuple[str, int]],
) -> None:
    expected = run(new(pictures))
    at = in_step(2, 1)
    good = Path(pictures[at][0]).read_bytes()
    ruin(pictures, at)
    loader = new(pictures)
    iterator = iter(loader)
    with pytest.raises(BadFileError):
        list(iterator)
    with pytest.raises(RuntimeError, match="failed before"):
        next(iterator)
    state = json.loads(json.dumps(loader.state_dict()))
    assert (state["epoch"], state["step"]) == (0, 2)
    Path(pictures[at][0]).write_bytes(good)
    resumed = new(pictures)
    resumed.load_state_dict(state)
    assert same(run(resumed), expected[2:])


def test_validation_names_its_bad_files_too(pictures: list[tuple[str, int]]) -> None:
    name = ruin(pictures, 9)
    with pytest.raises(BadFileError, match=name):
        list(val_loader(pictures, batch_size=4, image_size=16, device="cpu"))


def test_an_error_that_no_file_caused_is_passed_on(pictures: list[tuple[str, int]]) -> None:
    class Broken(MixPolicy):
        def plan(self, *args: Any, **kwargs: Any) -> Any:
            raise ZeroDivisionError("not a file")

    with pytest.raises(ZeroDivisionError, match="not a file"):
        next(iter(new(pictures, policy=Broken(MixUp(0.2)), bad_files=Skip())))
