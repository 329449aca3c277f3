"""No command replaces what it reads, or writes into it what would be read the next time."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from dali_mixup.cli import app
from dali_mixup.pack import Options, Packing
from dali_mixup.sources import open_source
from tests.odd_images import picture
from tests.tars import write_tar


def call(*arguments: object) -> Result:
    return CliRunner().invoke(app, list(map(str, arguments)))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for name in ("cat/1.jpg", "cat/2.jpg", "dog/1.jpg", "dog/2.jpg"):
        (tmp_path / "data" / name).parent.mkdir(parents=True, exist_ok=True)
        picture(40, 30, seed=0).save(tmp_path / "data" / name)
    (tmp_path / "in.txt").write_text("data/cat/1.jpg 0\ndata/dog/1.jpg 1\n")
    image = (tmp_path / "data/cat/1.jpg").read_bytes()
    for number in range(2):
        write_tar(tmp_path / f"s{number}.tar", [("a.jpg", image), ("a.cls", b"0")])
    Packing(open_source(tmp_path / "data"), tmp_path / "packed", Options(), workers=1).run()
    (tmp_path / "linked.txt").symlink_to("in.txt")
    os.link(tmp_path / "in.txt", tmp_path / "hard.txt")
    return tmp_path


def contents(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file() and not path.name.endswith(".index.npz"))
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.mark.parametrize(
    ("command", "target"),
    [
        ("check in.txt --exclude", "in.txt"),
        ("check in.txt --exclude", "./data/../in.txt"),
        ("check in.txt --exclude", "linked.txt"),
        ("check linked.txt --exclude", "in.txt"),
        ("check in.txt --exclude", "hard.txt"),
        ("check in.txt --exclude", "data/cat/1.jpg"),
        ("check data --exclude", "data/dog/2.jpg"),
        ("check s{0..1}.tar --exclude", "s1.tar"),
        ("check packed --exclude", "packed/pack.jsonl"),
        ("check packed/pack.jsonl --exclude", "packed/shard-000000.tar"),
        ("preview data --images 2 --out", "data/cat/1.jpg"),
        ("gallery data/cat/1.jpg data/dog/1.jpg --only mixup --out", "data/dog/1.jpg"),
        ("tune in.txt --out", "in.txt"),
    ],
)
def test_an_input_is_not_replaced(
    data: Path, monkeypatch: pytest.MonkeyPatch, command: str, target: str
) -> None:
    monkeypatch.chdir(data)
    before = contents(data)
    result = call(*command.split(), target)
    assert result.exit_code == 2 and "it would replace; give another name" in result.stderr.replace("\n", " ")
    assert contents(data) == before


def test_two_lists_are_two_files(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(data)
    (data / "link.jsonl").symlink_to("x.jsonl")
    for other in ("x.jsonl", "./x.jsonl", "link.jsonl"):
        result = call("check", "in.txt", "--manifest", "x.jsonl", "--exclude", other)
        assert result.exit_code == 2 and "--manifest and --exclude are one file" in result.stderr
    assert not (data / "x.jsonl").exists()
    for _ in range(2):  # what an earlier check wrote may be replaced, also beside the images
        result = call("check", "data", "--manifest", "data/fit.jsonl", "--exclude", "data/cat/unfit.jsonl")
        assert result.exit_code == 0, result.output


@pytest.mark.parametrize(
    "command",
    [
        "pack data data/packed",
        "pack data data/cat/packed",
        "pack linked data/packed",
        "bench data --only dali-mixup --out data/bench",
        "train --recipe deit-s --data split --output split/train/runs",
        "train --recipe deit-s --data data --val-data split/val --output data/runs",
        "train --recipe deit-s --data split --val-data data --output data/runs",
    ],
)
def test_a_folder_among_the_classes_is_not_written(
    data: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.chdir(data)
    (data / "linked").symlink_to("data")
    for name in ("train", "val"):
        shutil.copytree(data / "data", data / "split" / name)
    before = sorted(data.rglob("*"))
    result = call(*command.split())
    assert result.exit_code == 2 and "would be taken for a class" in result.stderr.replace("\n", " "), (
        result.output
    )
    assert sorted(data.rglob("*")) == before


def test_data_and_what_is_packed_may_lie_beside_each_other(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(data)
    for source, target in (("data", "data-packed"), ("in.txt", "data/packed"), ("packed", "packed/again")):
        assert call("pack", source, target, "--workers", 1).exit_code == 0
