"""Every kind of damage to packed data is found and named."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dali_mixup import open_source
from dali_mixup.pack import verify

Packed = Callable[..., Path]


def change_line(folder: Path, line: int, **fields: object) -> None:
    lines = (folder / "pack.jsonl").read_text().splitlines()
    lines[line] = json.dumps({**json.loads(lines[line]), **fields})
    (folder / "pack.jsonl").write_text("\n".join(lines) + "\n")


def line_of(folder: Path, line: int) -> dict[str, object]:
    return json.loads((folder / "pack.jsonl").read_text().splitlines()[line])


@pytest.mark.parametrize("options", [{}, {"shorter_side": 50}, {"layout": "files"}])
def test_what_was_packed_is_right(packed: Packed, options: dict[str, object]) -> None:
    seen: list[tuple[int, int]] = []
    assert verify(packed(**options), workers=2, progress=lambda done, of: seen.append((done, of))) == []
    assert seen[-1] == (24, 24)


def test_one_changed_byte_is_found_wherever_it_is(packed: Packed) -> None:
    folder = packed()
    shard = folder / "shard-000002.tar"
    original = shard.read_bytes()
    line = line_of(folder, 3)
    inside = line["offsets"][1] + line["sizes"][1] // 2
    for place in (0, 300, inside, len(original) - 1):
        shard.write_bytes(original[:place] + bytes([original[place] ^ 16]) + original[place + 1 :])
        wrong = verify(folder)
        assert wrong[0].startswith("shard-000002.tar: its checksum (SHA-256) is"), wrong
        named = f"shard-000002.tar: {line['members'][1]} ({line['keys'][1]}): its checksum (CRC-32) differs"
        assert (named in wrong) == (place == inside)
    shard.write_bytes(original)
    assert verify(folder) == []


def test_a_missing_cut_or_foreign_shard_is_found(packed: Packed) -> None:
    folder = packed()
    shard = folder / "shard-000004.tar"
    content = shard.read_bytes()
    shard.write_bytes(content[:-2000])
    assert any("SHA-256" in line for line in verify(folder))
    with pytest.raises(ValueError, match=rf"has {len(content) - 2000} bytes, expected {len(content)}"):
        open_source(folder)
    shard.unlink()
    assert verify(folder) == [f"{shard}: No such file or directory"]
    with pytest.raises(FileNotFoundError, match=r"shard-000004.tar"):
        open_source(folder)
    shard.write_bytes(content)
    (folder / "shard-000005.tar").write_bytes(content)
    assert verify(folder) == ["shard-000005.tar: it is not in pack.jsonl"]


@pytest.mark.parametrize("column", ["labels", "offsets", "sizes", "members"])
def test_a_list_that_does_not_match_the_shards_is_found(packed: Packed, column: str) -> None:
    folder = packed()
    values = line_of(folder, 1)[column]
    change_line(folder, 1, **{column: [*values[1:], values[0]]})
    assert any("(name, label, offset, bytes) are" in line for line in verify(folder))


def test_images_of_another_size_are_found(packed: Packed) -> None:
    folder = packed()
    change_line(folder, 1, widths=[1, *line_of(folder, 1)["widths"][1:]])
    wrong, line = verify(folder)
    assert "pixels, expected 1 x" in wrong and line.startswith("pack.jsonl, line 2: it was changed")


CHANGED = "it was changed after it was written: its checksum differs"


@pytest.mark.parametrize("layout", ["shards", "files"])
@pytest.mark.parametrize(
    ("line", "field", "change"),
    [
        (0, "classes", lambda names: names[::-1]),
        (0, "classes_named", lambda named: not named),
        (0, "left_out", lambda count: count + 1),
        (2, "keys", lambda keys: keys[::-1]),
        (2, "keys", lambda keys: [keys[0].upper(), *keys[1:]]),
        (2, "left_out", lambda rows: [["a/1.jpg", "bad"]]),
    ],
)
def test_what_no_shard_repeats_is_covered(
    packed: Packed, layout: str, line: int, field: str, change: Callable[[Any], Any]
) -> None:
    """Keys and class names are in pack.jsonl alone."""
    folder = packed(layout=layout)
    change_line(folder, line, **{field: change(line_of(folder, line)[field])})
    assert open_source(folder), "it is still well-formed"
    assert verify(folder) == [f"pack.jsonl, line {line + 1}: {CHANGED}"]


def test_labels_of_files_are_covered(packed: Packed) -> None:
    """Of the shards, whose tars repeat them, they are compared as well."""
    folder = packed(layout="files")
    change_line(folder, 1, labels=[label ^ 1 for label in line_of(folder, 1)["labels"]])
    assert verify(folder) == [f"pack.jsonl, line 2: {CHANGED}"]


def test_lines_without_a_checksum_are_named(packed: Packed) -> None:
    folder = packed()
    fields = line_of(folder, 0)
    del fields["checksum"]
    rest = (folder / "pack.jsonl").read_text().split("\n", 1)[1]
    (folder / "pack.jsonl").write_text(f"{json.dumps(fields)}\n{rest}")
    assert len(open_source(folder)) == 24
    (wrong,) = verify(folder)
    assert wrong.startswith(
        "pack.jsonl, line 1: it has no checksum, so its keys, labels and classes cannot be verified"
    )


def test_blanks_and_letters_of_json_are_no_change(packed: Packed) -> None:
    folder = packed()
    lines = [json.loads(line) for line in (folder / "pack.jsonl").read_text().splitlines()]
    text = "\n".join(json.dumps(line, separators=(",", ":"), ensure_ascii=False) for line in lines)
    (folder / "pack.jsonl").write_text(text, encoding="utf-8")
    assert verify(folder) == []


def test_a_missing_line_is_found(packed: Packed) -> None:
    folder = packed()
    lines = (folder / "pack.jsonl").read_text().splitlines()
    (folder / "pack.jsonl").write_text("\n".join(lines[:-1]) + "\n")
    wrong = verify(folder)
    assert "pack.jsonl: it lists 19 samples, expected 24" in wrong
    assert "shard-000004.tar: it is not in pack.jsonl" in wrong
    (folder / "pack.jsonl").write_text("\n".join([*lines[:3], *lines[4:]]) + "\n")
    assert any("line 4: expected shard 2, got shard 3" in line for line in verify(folder))


def test_a_foreign_image_in_a_folder_is_found(packed: Packed, image_folder: Path) -> None:
    """torchvision's ImageFolder would take it for a sample, or its folder for a class."""
    folder = packed(layout="files")
    content = next(image_folder.glob("*/*.JPEG")).read_bytes()
    for name in ("n01440764/more.jpg", "a class/größe.PNG", "n01440764/notes.txt", "preview.png"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)
    assert verify(folder) == [
        f"{name}: it is not in pack.jsonl" for name in ("a class/größe.PNG", "n01440764/more.jpg")
    ]
    lines = (folder / "pack.jsonl").read_text().splitlines()
    (folder / "pack.jsonl").write_text("\n".join(lines[:-1]) + "\n")
    assert verify(folder) == ["pack.jsonl: it lists 19 samples, expected 24"], (
        "not every image of the missing line"
    )


def test_changed_and_missing_files_are_found(packed: Packed) -> None:
    folder = packed(layout="files")
    victim, gone, cut = sorted(folder.glob("*/*.JPEG"))[:3]
    content = victim.read_bytes()
    victim.write_bytes(content[:-9] + b"x" + content[-8:])
    gone.unlink()
    cut.write_bytes(cut.read_bytes()[:-1])
    wrong = verify(folder)
    assert len(wrong) == 3
    for file, words in ((victim, "CRC-32"), (gone, "No such file"), (cut, "bytes, expected")):
        assert any(file.name in line and words in line for line in wrong), wrong
