"""Every subcommand that writes, ended or out of room at the moment when it writes: nothing is torn, the old file stays,
one line says so, and the next run leaves nothing behind."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

Ended = dict[str, Any]
Runner = Callable[[list[object], str, str], Ended]

FAULTS = ("full disk", "SIGINT", "SIGTERM", "SIGKILL")
CODES = {"full disk": 2, "SIGINT": 130, "SIGTERM": 143, "SIGKILL": -9}
SMALL_BENCH = ["--device", "cpu", "--threads", "1", "--batch-sizes", "4", "--repeats", "1", "--batches", "2"]
SMALL_BENCH += ["--warmup", "1", "--image-size", "32", "--only", "decode-only"]

RUNS = [
    (["check", "{data}", "--manifest", "{out}/m.jsonl"], "m.jsonl"),
    (["check", "{data}", "--manifest", "{out}/m.parquet"], "m.parquet"),
    (["check", "{unfit}", "--exclude", "{out}/e.jsonl"], "e.jsonl"),
    (["preview", "{data}", "--out", "{out}/p.png", "--image-size", "32", "--device", "cpu"], "p.png"),
    (["gallery", "{image}", "{image}", "--out", "{out}/g.png"], "g.png"),
    (["demo", "--out", "{out}", "--epochs", "1", "--device", "cpu"], "contact_sheet.png"),
    (["demo", "--out", "{out}", "--epochs", "1", "--device", "cpu"], "coffee_0.JPEG"),
    (
        ["tune", "{data}", "--out", "{out}/t.yaml", "--batch-size", "4", "--budget", "10", "--device", "cpu"],
        "t.yaml",
    ),
    (["bench", "{data}", "--out", "{out}", *SMALL_BENCH], "report.json"),
    (["bench", "{data}", "--out", "{out}", *SMALL_BENCH], "throughput.svg"),
    (["bench", "{data}", "--out", "{out}", *SMALL_BENCH], "report.html"),
]
"""(arguments, name of the file)"""

QUICK = [(*RUNS[0], fault) for fault in FAULTS] + [(*RUNS[1], "full disk"), (*RUNS[2], "full disk")]
ALL = [(*run, fault) for run in RUNS for fault in FAULTS]


def ids(value: object) -> str | None:
    return str(value[0]) if isinstance(value, list) else None


@pytest.fixture(scope="module")
def places(image_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Data, the same with a file that is no image, and an image."""
    unfit = tmp_path_factory.mktemp("unfit") / "data"
    shutil.copytree(image_folder, unfit)
    bad = next(unfit.iterdir()) / f"{'no_image' * 10}.jpg"
    bad.write_text("this is no image")
    return {"data": image_folder, "unfit": unfit, "image": next(image_folder.glob("*/*"))}


def filled(arguments: list[str], places: dict[str, Path], out: Path) -> list[object]:
    return [argument.format(out=out, **places) for argument in arguments]


def said(result: Ended) -> list[str]:
    assert "Traceback" not in result["stderr"], result["stderr"]
    return [line for line in result["stderr"].splitlines() if line.startswith("error: ")]


def holds_nothing_torn(path: Path) -> bool:
    """True if the file is complete, by the rules of its format."""
    if path.suffix in (".png", ".JPEG"):
        with Image.open(path) as image:
            image.load()
    elif path.suffix == ".json":
        json.loads(path.read_text())
    elif path.suffix == ".jsonl":
        for line in path.read_text().splitlines():
            json.loads(line)
    elif path.suffix == ".parquet":
        import pyarrow.parquet

        pyarrow.parquet.read_table(path)
    elif path.suffix == ".html":
        return path.read_text().rstrip().endswith("</html>")
    return path.stat().st_size > 0


def disturb_and_repeat(ended: Runner, arguments: list[object], target: Path, fault: str) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text("old")
    result = ended(arguments, target.name, fault)
    assert result["code"] == CODES[fault], result
    assert target.read_text() == "old"
    if fault == "full disk":
        (line,) = said(result)
        assert line.startswith(f"error: cannot write '{target}': "), line
    elif fault != "SIGKILL":
        assert said(result) == [f"error: {'interrupted' if fault == 'SIGINT' else 'ended by SIGTERM'}"]
    leftovers = list(target.parent.rglob("*.partial"))
    assert len(leftovers) == (fault == "SIGKILL")

    again = ended(arguments, target.name, "")
    assert again["code"] == ("--exclude" in arguments), again
    assert holds_nothing_torn(target)
    assert not list(target.parent.rglob("*.partial"))


@pytest.mark.parametrize(("arguments", "name", "fault"), QUICK, ids=ids)
def test_the_check(
    ended: Runner, places: dict[str, Path], tmp_path: Path, arguments: list[str], name: str, fault: str
) -> None:
    disturb_and_repeat(ended, filled(arguments, places, tmp_path), tmp_path / name, fault)


@pytest.mark.slow
@pytest.mark.parametrize(("arguments", "name", "fault"), ALL, ids=ids)
def test_every_subcommand(
    ended: Runner, places: dict[str, Path], tmp_path: Path, arguments: list[str], name: str, fault: str
) -> None:
    target = tmp_path / name
    if name.endswith(".JPEG"):
        target = tmp_path / "photographs" / "train" / name.partition("_")[0] / name
    disturb_and_repeat(ended, filled(arguments, places, tmp_path), target, fault)


@pytest.mark.parametrize(
    "arguments",
    [
        ["recipes", "list"],
        ["recipes", "show", "deit-s"],
        ["recipes", "diff", "deit-s", "rsb-a1"],
        ["recipes", "schema"],
        ["check", "{data}"],
        ["--version"],
        ["check", "--help"],
    ],
)
def test_output_that_finds_no_room(
    ended: Runner, places: dict[str, Path], tmp_path: Path, arguments: list[str]
) -> None:
    result = ended(filled(arguments, places, tmp_path), "", "no room for output")
    assert result["code"] == 2, result
    assert said(result) == [
        "error: cannot write the standard output or a temporary file: No space left on device"
    ]


def test_output_that_nobody_reads(image_folder: Path) -> None:
    """As in `dali-mixup check DATA | head -1`, where exit code 1 would call the data unfit."""
    command = [sys.executable, "-m", "dali_mixup", "check", str(image_folder)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    process.stdout.close()
    text = process.stderr.read()
    assert process.wait(120) == 141 and "Traceback" not in text and "Exception" not in text
