"""`dali-mixup demo`, shortened: it trains, it reports, it draws."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from dali_mixup.cli import app
from dali_mixup.cli.demo_folder import refuse_others


def test_the_demo_learns_and_reports_what_it_did(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["demo", "--out", str(tmp_path), "--epochs", "3", "--device", "cpu"])
    assert result.exit_code == 0, result.output
    losses = [float(loss) for loss in re.findall(r"loss (\d\.\d+)   validation", result.output)]
    accuracies = [float(share) for share in re.findall(r"accuracy (\d+\.\d)%", result.output)]
    assert len(losses) == len(accuracies) == 3
    assert losses[-1] < losses[0] - 0.2
    assert accuracies[-1] > 40  # of ten classes, from parts of the photographs that training did not see
    assert re.search(r"[\d,]+ images/s read, mixed and trained on", result.output)
    # 1,920 rows, each mixed with prob 0.8 and by chance with itself 1 time in 32: 77.5%, 5 standard deviations = 4.8%.
    (share,) = re.findall(r"(\d+\.\d)% of the rows were mixed", result.output)
    assert 72.7 < float(share) < 82.3
    with Image.open(tmp_path / "contact_sheet.png") as sheet:
        assert sheet.width > 1000


def demo(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["demo", *map(str, arguments), "--device", "cpu"])


def test_a_path_is_no_markup_and_quiet_prints_the_result_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = demo("--quiet", "--out", "d[/foo] :smile:", "--epochs", 2)
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert len(lines) == 4 and lines[0].startswith("epoch  2/2 ") and "the loader alone" in lines[1]
    assert lines[3] == "a mixed batch, drawn: d[/foo] :smile:/contact_sheet.png"


@pytest.mark.parametrize(
    "other",
    [
        "train/zebra",
        "train/zebra/a.jpg",
        "train/cat/cat_64.JPEG",
        "val/cat/cat_16.JPEG",
        "test/cat/cat_0.JPEG",
        "a.txt",
    ],
)
def test_what_the_demo_did_not_write_is_not_trained_on(tmp_path: Path, other: str) -> None:
    place = tmp_path / "photographs" / other
    place.parent.mkdir(parents=True)
    place.touch() if place.suffix else place.mkdir()
    result = demo("--out", tmp_path)
    assert result.exit_code == 2 and "which the demo did not write" in result.stderr
    assert f"photographs/{other}".startswith(result.stderr.split("holds '")[1].split("'")[0])
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == ([place] if place.suffix else [])


def test_its_own_photographs_and_leftovers_are_no_others(tmp_path: Path) -> None:
    for name in ("train/cat/cat_63.JPEG", "val/cat/cat_15.JPEG", "val/cat/cat_15.JPEG.123.partial"):
        (tmp_path / "photographs" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "photographs" / name).touch()
    refuse_others(tmp_path, tmp_path / "photographs")
    refuse_others(tmp_path / "new", tmp_path / "new" / "photographs")


@pytest.mark.parametrize("out", ["", "demo", "n1", "n1/deep/er"])
def test_it_does_not_become_a_class_of_somebodys_data(tmp_path: Path, out: str) -> None:
    data = tmp_path / "data"
    for name in ("n1/a.jpg", "n2/b.PNG", "n3/c.jpg"):
        (data / name).parent.mkdir(parents=True, exist_ok=True)
        (data / name).touch()
    result = demo("--out", data / out)
    assert result.exit_code == 2 and "would be taken for a class" in " ".join(result.stderr.split())
    assert len([path for path in data.rglob("*") if path.is_file()]) == 3
    refuse_others(tmp_path / "out", tmp_path / "out" / "photographs")  # beside the data
    (data / "notes").mkdir()  # a folder without images: not data, but somebody's things
    refuse_others(data / "out", data / "out" / "photographs")


def test_a_seed_that_torch_does_not_take_is_refused(tmp_path: Path) -> None:
    result = demo("--out", tmp_path, "--seed", 2**64)
    assert result.exit_code == 2 and "--seed" in result.stderr and not list(tmp_path.iterdir())
