"""The check of images with masks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from dali_mixup import open_source
from dali_mixup._graph.look import Problem
from dali_mixup.check import Report, scan
from dali_mixup.cli import app
from dali_mixup.pack import Options, Packing
from tests.masks import CLASSES, COUNT, make_pairs


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    return make_pairs(tmp_path)


def test_sound_pairs_are_fit_and_classes_are_counted(folders: tuple[Path, Path]) -> None:
    source = open_source(folders[0], masks=folders[1])
    report = Report.of(source, scan(source, threads=2))
    present = [set(np.unique(np.asarray(source[i][1]))) - {255} for i in range(COUNT)]
    assert report.fit and report.classes == tuple(map(str, range(CLASSES)))
    assert report.per_class.tolist() == [sum(label in ids for ids in present) for label in range(CLASSES)]
    named = open_source(folders[0], masks=folders[1], classes=list("abcdef"))
    assert Report.of(named, scan(named, threads=2)).empty_classes == ("f",)


def test_every_bad_mask_is_found(folders: tuple[Path, Path]) -> None:
    images, masks = folders
    (masks / "a" / "02.png").unlink()
    Image.new("L", (5, 6)).save(masks / "a" / "04.png")
    content = (masks / "b" / "01.png").read_bytes()
    (masks / "b" / "01.png").write_bytes(content[: len(content) // 2])
    Image.new("RGB", (90, 60)).save(masks / "b" / "05.png")
    (images / "b" / "07.png").write_bytes(b"")
    source = open_source(images, masks=masks, classes=list("abcde"))
    found = scan(source, threads=2)
    assert {finding.key: finding.problem for finding in found.findings} == {
        "a/02.png": Problem.MISSING,
        "a/04.png": Problem.OTHER_SIZE,
        "b/01.png": Problem.TRUNCATED,
        "b/05.png": Problem.NO_MASK,
        "b/07.png": Problem.EMPTY,
    }
    assert all(str(masks) in finding.detail for finding in found.findings[:-1])
    assert not Report.of(source, found).fit


def test_the_command_takes_a_folder_of_masks(folders: tuple[Path, Path], tmp_path: Path) -> None:
    def check(*more: object) -> tuple[int, str]:
        given = ["check", str(folders[0]), "--masks", str(folders[1]), "--threads", "2", *map(str, more)]
        result = CliRunner().invoke(app, given)
        return result.exit_code, result.output

    code, said = check()
    assert code == 0 and "12 files, 0 unfit" in said
    (folders[1] / "b" / "11.png").unlink()
    code, said = check("--exclude", tmp_path / "unfit.jsonl")
    assert code == 1 and f"missing: b/11.png (mask {folders[1]}/b/11.png" in said
    left = open_source(folders[0], masks=folders[1], exclude=tmp_path / "unfit.jsonl")
    assert len(left) == COUNT - 1
    code, said = check("--manifest", tmp_path / "fit.jsonl")
    assert code == 2 and "or have masks" in said


def test_pack_refuses_to_lose_the_masks(folders: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="images with masks cannot be packed"):
        Packing(open_source(folders[0], masks=folders[1]), tmp_path / "packed", Options())
