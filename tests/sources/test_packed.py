"""The list of packed data, pack.jsonl: every damaged one is refused with its line."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dali_mixup import open_source
from dali_mixup.pack import Options, Packing

HEADER, SHARD = 0, 1


@pytest.fixture
def folder(image_folder: Path, tmp_path: Path) -> Path:
    Packing(open_source(image_folder), tmp_path / "packed", Options(per_shard=12), workers=1).run()
    return tmp_path / "packed"


def changed(line: int, **fields: object) -> Callable[[list[str]], list[str]]:
    def change(lines: list[str]) -> list[str]:
        lines[line] = json.dumps({**json.loads(lines[line]), **fields})
        return lines

    return change


def without(line: int, field: str) -> Callable[[list[str]], list[str]]:
    def change(lines: list[str]) -> list[str]:
        fields = json.loads(lines[line])
        del fields[field]
        lines[line] = json.dumps(fields)
        return lines

    return change


DAMAGES = {
    "not ours": (lambda lines: ["hello", *lines[1:]], "line 1: expected the first line"),
    "empty": (lambda lines: [], "line 1: expected the first line"),
    "newer": (changed(HEADER, dali_mixup_pack=2), "version 2; this release reads version 1"),
    "layout": (changed(HEADER, layout="zip"), "line 1: expected the first line"),
    "no plan": (without(HEADER, "plan"), "line 1: expected the first line"),
    "classes": (changed(HEADER, classes=[1, 2]), "line 1: expected the first line"),
    "fewer classes": (changed(HEADER, classes=["a"]), "line 2: expected a shard"),
    "count": (changed(HEADER, samples=25), "lists 24 samples, expected 25"),
    "cut": (lambda lines: lines[:-1], "lists 12 samples, expected 24"),
    "half a line": (lambda lines: [*lines[:-1], lines[-1][:200]], "line 3: expected a shard"),
    "order": (lambda lines: [lines[0], lines[2], lines[1]], "line 2: expected shard 0, got shard 1"),
    "no list": (lambda lines: [lines[0], "[]", lines[2]], "line 2: expected a shard"),
    "negative": (changed(SHARD, offsets=[-1] * 12), "line 2: expected a shard"),
    "outside": (changed(SHARD, offsets=[10**9] * 12), "line 2: expected a shard"),
    "lengths": (changed(SHARD, sizes=[1]), "line 2: expected a shard"),
    "texts": (changed(SHARD, labels=["0"] * 12), "line 2: expected a shard"),
    "true": (changed(SHARD, labels=[True] * 12), "line 2: expected a shard"),
    "empty key": (changed(SHARD, keys=[""] * 12), "line 2: expected a shard"),
    "zero byte": (changed(SHARD, keys=["a\0"] * 12), "line 2: expected a shard"),
    "climbs": (changed(SHARD, members=["../a.jpg"] * 12), "line 2: expected a shard"),
    "elsewhere": (changed(SHARD, file="../shard-000000.tar"), "line 2: expected a shard"),
    "left out": (changed(SHARD, left_out=["a"]), "line 2: expected a shard"),
    "deep": (lambda lines: [lines[0], "[" * 100_000, lines[2]], "line 2: expected a shard"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_list_is_refused(folder: Path, damage: str) -> None:
    change, words = DAMAGES[damage]
    file = folder / "pack.jsonl"
    file.write_text("\n".join(change(file.read_text().splitlines())))
    with pytest.raises(ValueError, match=words):
        open_source(folder)


def test_names_that_are_not_text_survive(tmp_path: Path) -> None:
    source = tmp_path / "data" / "c"
    source.mkdir(parents=True)
    Image.new("RGB", (4, 4)).save(source / os.fsdecode(b"\xff\xfe.jpg"), "JPEG")
    Packing(open_source(source.parent), tmp_path / "packed", workers=1).run()
    assert open_source(tmp_path / "packed").fingerprint() == open_source(source.parent).fingerprint()


def test_a_root_is_refused(folder: Path) -> None:
    with pytest.raises(TypeError, match="has its own"):
        open_source(folder, root="/tmp")


def test_places_lead_to_the_bytes(folder: Path) -> None:
    source = open_source(folder)
    for index, (path, start, size) in enumerate(source.places(np.arange(len(source)))):
        with open(path, "rb") as file:
            file.seek(start)
            assert file.read(size) == source.encoded(index)
