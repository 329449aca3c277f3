"""File and class names may hold anything but / and NUL. Whatever prints one stays whole, on one line and harmless."""

from __future__ import annotations

import json
import os
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from dali_mixup._repr import escaped, printable
from dali_mixup.cli import app
from dali_mixup.sources import open_source
from tests.bench.test_report import report  # noqa: F401  a fixture
from tests.odd_images import picture

NAMES = {
    "no UTF-8": b"k\xff\xfe",
    "quotes": b"a\"b'c",
    "tags": b"<script>alert(1)<&amp;",
    "line breaks": b"a\nb\r\nerror: c",
    "escapes": b"\x1b[31mred\x1b]0;title\x07",
    "C1 escapes": b"\xc2\x9b31m",
    "right to left": "\u202ecod.exe".encode(),
    "line separator": "a\u2028b".encode(),
    "long": b"n" * 200,
    "separators": b"a,b;c\td",
    "shell": b"$(x)`y`\\z",
    "rich": b"[red]x[nope]",
    "option": b"--help",
    "braces": b"{0..3}",
    "pattern": b"a*b?[c]",
    "blanks": b" a ",
    "other script": "日本".encode(),
}


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A folder in which classes and files are called so; each class has an image, and a file that is none."""
    place = tmp_path_factory.mktemp("names")
    root = os.path.join(os.fsencode(place), NAMES["no UTF-8"] + NAMES["escapes"])
    picture(40, 30, seed=0).save(place / "one.jpg")
    for name in NAMES.values():
        os.makedirs(os.path.join(root, name))
        shutil.copy(place / "one.jpg", os.path.join(root, name, name + b".jpg"))
        with open(os.path.join(root, name, name + b".png"), "wb") as file:
            file.write(b"no picture")
    return place, os.fsdecode(root)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def harmless(text: str) -> bool:
    return all(c.isprintable() or c == "\n" for c in text) and bool(text.encode("utf-8"))


def test_every_command_prints_and_writes_them_harmlessly(named: tuple[Path, str]) -> None:
    place, data = named
    result = run("check", data, "--manifest", place / "m.jsonl", "--exclude", place / "e.jsonl")
    assert result.exit_code == 1 and harmless(result.stdout), result.output
    found = [line for line in result.stdout.splitlines() if line.startswith("not an image: ")]
    assert len(found) == len(NAMES) and all(".png" in line for line in found)
    assert not any(line.startswith("error: ") for line in result.stdout.splitlines()), (
        "a line break in a name"
    )
    listed = open_source(place / "m.jsonl")
    assert len(listed) == len(NAMES) and all(os.path.isfile(listed.name(i)) for i in range(len(listed)))
    for line in (place / "e.jsonl").read_text(encoding="ascii").splitlines():
        assert os.path.isfile(os.path.join(data, json.loads(line)["path"]))

    drawing = ("--out", place / "sheet.png", "--device", "cpu", "--image-size", 32, "--images", 100)
    result = run("preview", data, *drawing)
    assert result.exit_code == 2 and harmless(result.stderr), result.stderr
    assert len([line for line in result.stderr.splitlines() if line.startswith("error: ")]) == 1
    assert run("preview", place / "m.jsonl", *drawing).exit_code == 0
    assert Image.open(place / "sheet.png").format == "PNG"


def test_parquet_which_holds_text_only_is_refused_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = os.path.join(os.fsencode(tmp_path), b"a")
    os.makedirs(folder)
    with open(os.path.join(folder, b"\xff.jpg"), "wb"):
        pass
    monkeypatch.setattr("dali_mixup.check.scan", None)
    result = run("check", tmp_path, "--manifest", tmp_path / "m.parquet")
    assert result.exit_code == 2 and "write .jsonl" in result.stderr and harmless(result.stderr), (
        result.output
    )


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.mark.parametrize("name", list(NAMES.values()), ids=list(NAMES))
def test_a_benchmarks_page_holds_any_name(report, name: bytes) -> None:  # type: ignore[no-untyped-def]  # noqa: F811
    """Case 36: the page was empty where a name was not UTF-8."""
    from dali_mixup.bench.html_report import page

    given = os.fsdecode(name)
    said = {**report, "command": f"dali-mixup bench {given}", "data": {"images": given}}
    said["contenders"] = [*report["contenders"][:-1], {**report["contenders"][-1], "absent": given}]
    made, plain = Tags(), Tags()
    pictures = {"throughput": b"", "waits": b"", "phases": b""}
    text = page(said, pictures)
    text.encode("utf-8")
    made.feed(text)
    plain.feed(page(report, pictures))
    assert made.tags == plain.tags, "a name makes no tag"
    assert printable(f"dali-mixup bench {given}") in made.text
    assert "\x1b" not in text


def test_a_name_stays_as_it_is_where_it_is_text() -> None:
    for text in ("n01440764/a b.JPEG", "日本", "a'b"):
        assert printable(text) == escaped(text) == text
    assert printable("a\nb\udcff") == r"'a\nb\udcff'"
    assert escaped("a\nb\udcff\x1b[0m'") == "a\nb\\udcff\\x1b[0m'"


def test_a_recipes_texts_cannot_write_to_the_terminal(tmp_path: Path) -> None:
    file = tmp_path / "\x1b[31mred.yaml"
    file.write_text(
        'extends: deit-s\ntitle: "\\e[2J\\nerror: forged"\nomitted: ["\\e]0;t\\a"]\nsource: {paper: "\\u202e"}\n'
    )
    for command in (["show", file], ["validate", file], ["diff", file, "deit-s"], ["diff", "deit-s", file]):
        result = run("recipes", *command)
        assert result.exit_code == 0 and harmless(result.output), result.output
        assert not any(line.startswith("error: ") for line in result.output.splitlines())
    assert r"red.yaml: \x1b[2J\nerror: forged: valid" in run("recipes", "validate", file).stdout
