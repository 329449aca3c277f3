"""Shared out over processes or machines, the shards are those of one run, bit for bit."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from dali_mixup import open_source
from dali_mixup.pack import Options, Packing, PackingError, Part, merge
from tests.pack.conftest import bytes_of, run

Packed = Callable[..., Path]


@pytest.mark.parametrize("parts", [1, 2, 3, 7])
def test_the_parts_together_are_one_run(
    image_folder: Path, packed: Packed, tmp_path: Path, parts: int
) -> None:
    whole = packed(shorter_side=60)
    for index in reversed(range(parts)):
        tally = run(image_folder, tmp_path / "parts", part=Part(index, parts), shorter_side=60)
        assert tally.finished == tally.shards and tally.complete == (parts == 1)
    merge(tmp_path / "parts")
    assert bytes_of(tmp_path / "parts") == bytes_of(whole)
    merge(tmp_path / "parts")  # harmless when repeated


def test_parts_on_machines_without_a_shared_disk_are_copied_together(
    image_folder: Path, packed: Packed, tmp_path: Path
) -> None:
    for index in range(2):
        run(image_folder, tmp_path / f"machine{index}", part=Part(index, 2))
    shutil.copytree(tmp_path / "machine0", tmp_path / "all")
    shutil.copytree(tmp_path / "machine1", tmp_path / "all", dirs_exist_ok=True)
    merge(tmp_path / "all")
    assert bytes_of(tmp_path / "all") == bytes_of(packed())


@pytest.mark.parametrize("left", [[], ["plan.json"], ["000000.json"]])
def test_what_a_killed_end_left_is_removed(image_folder: Path, tmp_path: Path, left: list[str]) -> None:
    """pack.jsonl was written, and `.pack` not yet removed, or in part."""
    for end in (lambda: merge(tmp_path), lambda: run(image_folder, tmp_path)):
        run(image_folder, tmp_path)
        (tmp_path / ".pack").mkdir()
        for name in left:
            (tmp_path / ".pack" / name).write_text("{}")
        end()
        assert not (tmp_path / ".pack").exists() and len(open_source(tmp_path)) == 24


def test_a_missing_part_is_named_and_can_follow(image_folder: Path, tmp_path: Path) -> None:
    run(image_folder, tmp_path, part=Part(0, 2))
    with pytest.raises(ValueError, match=r"2 of 5 shards .* are missing \(numbers 1, 3\)"):
        merge(tmp_path)
    with pytest.raises(FileNotFoundError, match="not completely packed"):
        open_source(tmp_path)
    run(image_folder, tmp_path, part=Part(1, 2))
    merge(tmp_path)
    assert len(open_source(tmp_path)) == 24


def test_parts_of_other_options_are_not_joined(image_folder: Path, tmp_path: Path) -> None:
    run(image_folder, tmp_path / "a", part=Part(0, 2))
    run(image_folder, tmp_path / "b", part=Part(1, 2), seed=1)
    with pytest.raises(ValueError, match=r"begun with other data or options: seed was 0, is 1"):
        run(image_folder, tmp_path / "a", part=Part(1, 2), seed=1)
    shutil.copytree(tmp_path / "b", tmp_path / "a", dirs_exist_ok=True)
    with pytest.raises(ValueError, match=r"holds shard 0 of another plan"):
        merge(tmp_path / "a")


def test_only_one_process_packs_a_part(image_folder: Path, tmp_path: Path) -> None:
    first = Packing(open_source(image_folder), tmp_path, Options(per_shard=5), part=Part(0, 2))
    second = Packing(open_source(image_folder), tmp_path, Options(per_shard=5), part=Part(0, 2))
    other = Packing(open_source(image_folder), tmp_path, Options(per_shard=5), part=Part(1, 2), workers=1)

    def meanwhile(done: int, of: int) -> None:
        if done == 0:
            with pytest.raises(PackingError, match="another process is packing part-0-of-2"):
                second.run()
            other.run()

    first.run(meanwhile)
    merge(tmp_path)
    assert len(open_source(tmp_path)) == 24


@pytest.mark.parametrize("shard", [False, True], ids=["plan", "plan and shard"])
def test_parts_that_begin_at_once_agree_on_the_plan(
    image_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shard: bool
) -> None:
    """Another part writes its plan, and then its shards, after this one has found the folder empty or not there."""
    source, listed = open_source(image_folder), os.listdir
    (tmp_path / "all").mkdir()

    def late(folder: object) -> list[str]:
        monkeypatch.setattr(os, "listdir", listed)
        found = listed(folder)
        Packing(source, tmp_path / "all", Options(per_shard=5), part=Part(1, 2), workers=1).run()
        return listed(folder) if shard else found

    monkeypatch.setattr(os, "listdir", late)
    Packing(source, tmp_path / "all", Options(per_shard=5), part=Part(0, 2), workers=1).run()
    merge(tmp_path / "all")
    assert len(open_source(tmp_path / "all")) == 24


def test_nothing_is_merged_where_nothing_was_packed(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no unfinished packed data"):
        merge(tmp_path)


def test_a_damaged_plan_is_named(image_folder: Path, tmp_path: Path) -> None:
    run(image_folder, tmp_path, part=Part(0, 2))
    (tmp_path / ".pack" / "plan.json").write_text('{"seed": 0}')
    with pytest.raises(ValueError, match=r"plan.json': it is not a plan"):
        run(image_folder, tmp_path, part=Part(1, 2))
