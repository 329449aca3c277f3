"""Long lists are read once and kept in a file, which is used for no other list and does no harm when it is damaged."""

from __future__ import annotations

import json
import logging
import os
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dali_mixup.sources import FileList, Source, open_source, read_manifest, write_manifest
from dali_mixup.sources.listed import listing

LINES = [f"train/{label}/{number}.jpg {label}" for number in range(40) for label in (0, 2, 1)]


@pytest.fixture(autouse=True)
def every_list_is_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "KEPT_FROM", 0)


def written(folder: Path, kind: str) -> Path:
    """A list of one kind."""
    file = folder / f"l{kind}"
    pairs = [line.split() for line in LINES]
    if kind in (".txt", ".tsv"):
        file.write_text("".join(f"{path}\t{label}\n" for path, label in pairs))
    else:
        paths, labels = [path for path, _ in pairs], [int(label) for _, label in pairs]
        write_manifest(file, FileList(paths, labels, ["a", "b", "c"], root=folder))
    return file


def content(source: Source) -> Any:
    rows = np.arange(len(source))
    fed = [name.tobytes() for name in source.feed(rows)]
    return list(source.samples), fed, source.root, source.classes, source.fingerprint()


@pytest.mark.parametrize("kind", [".txt", ".tsv", ".jsonl", ".parquet"])
def test_a_kept_list_is_the_list(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    file = written(tmp_path, kind)
    first, second = open_source(file), open_source(file)
    monkeypatch.setattr(listing, "KEPT_FROM", 10**9)
    held = open_source(file)
    assert os.listdir(tmp_path).count(f"l{kind}.index") == 1 and len(os.listdir(tmp_path)) == 2
    assert content(first) == content(second) == content(held)
    assert list(first.samples) == [(f"{tmp_path}/{line.split()[0]}", int(line.split()[1])) for line in LINES]
    assert first.root == (f"{tmp_path}/train/" if kind in (".txt", ".tsv") else f"{tmp_path}/")


@pytest.mark.parametrize("kind", [".txt", ".jsonl", ".parquet"])
def test_the_second_time_the_list_is_not_read(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = written(tmp_path, kind)
    first = content(open_source(file))
    monkeypatch.setattr(listing.Pile, "add", None)
    assert content(open_source(file)) == first


def test_a_changed_list_is_read_again(tmp_path: Path) -> None:
    file = written(tmp_path, ".txt")
    open_source(file)
    status = os.stat(file)
    file.write_text(file.read_text().replace("train/0/0.jpg", "train/0/9.jpg"))
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert open_source(file).key(0) == "0/9.jpg"


def test_the_file_of_another_list_is_not_used(tmp_path: Path) -> None:
    """Someone else's data may come with one that leads outside."""
    file = written(tmp_path, ".txt")
    open_source(file)
    (tmp_path / "other.txt").write_text(file.read_text())
    os.replace(tmp_path / "l.txt.index", tmp_path / "other.txt.index")
    (tmp_path / "other.txt").write_text(file.read_text().replace("train", "trial"))
    assert open_source(tmp_path / "other.txt").name(0) == f"{tmp_path}/trial/0/0.jpg"


def test_a_damaged_file_is_made_again(tmp_path: Path) -> None:
    file, kept = written(tmp_path, ".jsonl"), tmp_path / "l.jsonl.index"
    expected = content(open_source(file))
    whole, rng = kept.read_bytes(), random.Random(0)
    damaged = [b"", whole[:-1], whole[:-40], whole[:50], whole + b"x", whole[:-16] + b"\xff" * 8 + whole[-8:]]
    text = whole.index(b'{"origin"')
    damaged += [whole[:text] + bytes(8) + whole[text:], whole[8:], bytes(text) + whole[text:]]
    columns = len(LINES) * len("train/0/00.jpg") + 12 * len(LINES)  # names, positions, labels
    for at in (*range(0, min(columns, text), 37), *rng.sample(range(text, len(whole)), 60)):
        damaged.append(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
    for content_now in damaged:
        kept.write_bytes(content_now)
        assert content(open_source(file)) == expected


def test_damage_in_the_middle_of_many_names_is_noticed(tmp_path: Path) -> None:
    """Not all of the names are compared, but a hole or a foreign piece among them does not fit between."""
    file, kept = tmp_path / "l.txt", tmp_path / "l.txt.index"
    file.write_text("".join(f"{'x' * 200}/{number}.jpg 0\n" for number in range(40_000)))
    expected = open_source(file).fingerprint()
    whole = kept.read_bytes()
    for at in (0, 3_000_000, 7_000_000):
        kept.write_bytes(whole[:at] + bytes(200_000) + whole[at + 200_000 :])
        assert open_source(file).fingerprint() == expected


@pytest.mark.parametrize("kind", ["link", "link to nothing", "pipe"])
def test_what_is_no_file_of_ours_is_left_alone(
    tmp_path: Path, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    file, kept, victim = written(tmp_path, ".txt"), tmp_path / "l.txt.index", tmp_path / "victim"
    if kind == "pipe":
        os.mkfifo(kept)
    else:
        kept.symlink_to(victim)
    if kind == "link":
        victim.write_text("precious")
    with caplog.at_level(logging.WARNING, "dali_mixup"):
        assert len(open_source(file)) == len(LINES)
    assert "is in the way, and not a regular file" in caplog.text and "each holds its names" in caplog.text
    assert victim.exists() == (kind == "link") and (kind != "link" or victim.read_text() == "precious")


def test_a_list_in_a_folder_without_write_permission_is_held_in_memory(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = written(tmp_path, ".txt")
    (tmp_path / "l.txt.index").mkdir()
    with caplog.at_level(logging.WARNING, "dali_mixup"):
        source = open_source(file)
    assert len(source) == len(LINES) and "each holds its names" in caplog.text


@pytest.mark.parametrize(
    ("text", "message"),
    [("x 0\n../y 0\n", r"l\.txt, line 2: "), ("\n\nx 0\ny cat\n", r"l\.txt, line 4: .*'cat'")],
)
def test_a_wrong_list_is_refused_and_nothing_stays(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "l.txt").write_text(text)
    for _ in range(2):
        with pytest.raises(ValueError, match=message):
            open_source(tmp_path / "l.txt")
    assert not list(tmp_path.glob("*.partial"))


def test_a_list_that_is_being_written_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = written(tmp_path, ".txt")
    add = listing.Pile.add

    def add_while_it_grows(pile: listing.Pile, *block: Any) -> None:
        add(pile, *block)
        if pile.count == len(LINES):
            with file.open("a") as more:
                more.write("late.jpg 0\n")

    monkeypatch.setattr(listing.Pile, "add", add_while_it_grows)
    with pytest.raises(ValueError, match="was changed while it was read; open it again"):
        open_source(file)
    monkeypatch.undo()
    assert len(open_source(file)) == len(LINES) + 1


def test_root_and_classes_may_change_without_reading_again(tmp_path: Path) -> None:
    file = written(tmp_path, ".txt")
    assert open_source(file).name(0) == f"{tmp_path}/train/0/0.jpg"
    assert open_source(file, root="/data").name(1) == "/data/train/2/0.jpg"
    assert list(open_source(file, classes=["0", "2", "1"]).targets)[:3] == [0, 1, 2], "labels are names"
    assert list(open_source(file, classes=["x", "y", "z"]).targets)[:3] == [0, 2, 1], "labels are numbers"


def test_absolute_and_relative_paths_may_be_mixed_without_a_root_only(tmp_path: Path) -> None:
    (tmp_path / "l.txt").write_text("a/1.jpg 0\n/data/2.jpg 1\n\n/data/x y.jpg +1\n")
    for _ in range(2):
        source = open_source(tmp_path / "l.txt")
        assert [name for name, _ in source.samples] == [f"{tmp_path}/a/1.jpg", "/data/2.jpg", "/data/x y.jpg"]
        assert list(source.targets) == [0, 1, 1] and source.root == "/"
        with pytest.raises(ValueError, match=r"line 2: expected a path below the root"):
            open_source(tmp_path / "l.txt", root=tmp_path)


def test_blocks_do_not_matter(tmp_path: Path) -> None:
    """Lists of several megabytes, with odd lines in between: as in one piece."""
    rng = random.Random(1)
    lines = [
        f"data/{'x' * rng.randrange(1, 200)}/{number}.jpg {rng.randrange(50)}" for number in range(30_000)
    ]
    for at, odd in ((7, "data/a b.jpg 3"), (15_000, "data/é.jpg  07"), (29_999, "data/last 1")):
        lines[at] = odd
    (tmp_path / "l.txt").write_text("\n".join(lines))
    source = open_source(tmp_path / "l.txt")
    expected = [
        (f"{tmp_path}/{' '.join(line.split(' ')[:-1]).strip()}", int(line.split()[-1])) for line in lines
    ]
    assert list(source.samples) == expected and source.root == f"{tmp_path}/data/"
    rows = [
        {"path": name[len(source.root) :], "class": str(label), "label": label} for name, label in expected
    ]
    header = {"dali_mixup_manifest": 1, "root": "data", "classes": list(source.classes)}
    (tmp_path / "m.jsonl").write_text("\n".join(json.dumps(row) for row in (header, *rows)))
    manifest = read_manifest(tmp_path / "m.jsonl")
    assert content(manifest) == content(source)
