"""Files that are no recipes, by accident or on purpose: each is refused at once, in one line that names the file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dali_mixup.recipes import RecipeError, load_recipe

BOMB = 'a: &a ["x","x","x","x","x","x","x","x","x"]\n' + "".join(
    f"{chr(98 + i)}: &{chr(98 + i)} [{','.join(['*' + chr(97 + i)] * 9)}]\n" for i in range(8)
)


def refused(file: Path) -> str:
    with pytest.raises(RecipeError) as caught:
        load_recipe(file)
    message = str(caught.value)
    assert str(file) in message or repr(str(file)) in message, message
    assert "\n" not in message and len(message) < 1500, message
    return message


@pytest.mark.parametrize(
    ("content", "part"),
    [
        (BOMB, "line 2, column 8: an alias"),
        ("a: &a\n  b: *a\n", "line 2, column 6: an alias"),
        ("a: " + "[" * 20_000 + "]" * 20_000, "line 1, column 35: nested more than 32 deep"),
        ("a: " + "{b: " * 20_000, "nested more than 32 deep"),
        ("- " * 5_000, "nested more than 32 deep"),
        ("extends: deit-s\nrecalled: 5\n", "recalled: 5; expected a list"),
        ("extends: deit-s\nrecalled: [{b: 1}]\n", "recalled[0]: {'b': 1}; input should be a valid string"),
        ("? [a]\n: 3\n", "line 1, column 3: the key ['a'] is not text"),
        ("1: 2\n", "line 1, column 1: the key 1 is not text"),
        ("on: 2\n", "line 1, column 1: the key True is not text"),
        ('extends: "a\\0.yaml"\n', "extends: 'a\\x00.yaml'; expected the name of a published recipe"),
        (b"title: x\n\xa6\xff", "line 2: not UTF-8 (byte 9)"),
        ("extends: deit-s\ntransform: {image_size: 2001-99-99}\n", "transform.image_size: '2001-99-99'"),
        ("title: !!python/object/apply:os.system [ls]\n", "line 1, column 8: could not determine a constructor"),
        ("title: !!binary aGk=\n", "line 1, column 8: could not determine a constructor"),
        ("title: !!set {a, b}\n", "line 1, column 8: could not determine a constructor"),
        ("<<: {title: x}\n", "line 1, column 1: could not determine a constructor"),
        ('title: "\\ud800"\n', "line 1, column 8: half of a character"),
        ("title: \x07\n", "not YAML: unacceptable character"),
        ("title: " + "9" * 5_000, "not YAML: Exceeds the limit"),
        ("title: 0x_\n", "not YAML: invalid literal"),
        ("extends: deit-s\ntransform: {hflip: 1" + "0" * 400 + "}\n", "transform.hflip: 1000"),
        ("extends: deit-s\ntransform: {hflip: .inf}\n", "transform.hflip: inf; input should be a finite number"),
        ("extends: deit-s\n" + "x" * 900 + ": 1\n", "unknown key; allowed: "),
        ("extends: deit-s\ntransform: {crop: " + "x" * 5_000 + "}\n", "transform.crop: 'xxx"),
        ("#" * 300_000, "larger than 262144 bytes"),
        ("", "nothing at the top"),
        ("title: {<mixup>: 1}\n extends: x\n", "line 2, column 2: "),
    ],
)  # fmt: skip
def test_a_file_that_is_no_recipe(tmp_path: Path, content: str | bytes, part: str) -> None:
    file = tmp_path / "r.yaml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert part in refused(file)


def test_many_faults_are_cut_short(tmp_path: Path) -> None:
    file = tmp_path / "r.yaml"
    file.write_text("extends: deit-s\n" + "".join(f"x{i}: 1\n" for i in range(1000)))
    with pytest.raises(RecipeError, match=r"r.yaml: 1000 errors\n(.*\n){20}  and 980 more$"):
        load_recipe(file)


def test_files_elsewhere_are_not_read(tmp_path: Path) -> None:
    """A recipe from a stranger must not be able to show what is in files outside its folder."""
    inside = tmp_path / "recipes"
    (inside / "below").mkdir(parents=True)
    (tmp_path / "secret.yaml").write_text("password: hunter2\n")
    (inside / "link.yaml").symlink_to(tmp_path / "secret.yaml")
    file = inside / "r.yaml"
    bases = ("../secret.yaml", str(tmp_path / "secret.yaml"), "link.yaml", "below/../../secret.yaml")
    for base in (*bases, "../../etc/passwd", "/etc/passwd", ".", "below", "secret"):
        file.write_text(f"extends: {base}\n")
        message = refused(file)
        assert f"extends: '{base}'" in message and "in the same folder or below it" in message
        assert "hunter2" not in message and "password" not in message


def test_files_in_the_same_folder_and_below_are(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "base.yaml").write_text("extends: deit-s\ntitle: base\n")
    (tmp_path / "middle.yaml").write_text("extends: below/base.yaml\n")
    (tmp_path / "r.yaml").write_text("extends: middle.yaml\n")
    assert load_recipe(tmp_path / "r.yaml").title == "base"


def test_what_is_not_a_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")  # opening one waits for a writer
    (tmp_path / "folder.yaml").mkdir()
    for name in ("pipe.yaml", "folder.yaml"):
        assert "it is a folder or a device" in refused(tmp_path / name)
    with pytest.raises(RecipeError, match="cannot read the file"):
        load_recipe("a\0.yaml")


def test_a_long_chain_and_a_circle(tmp_path: Path) -> None:
    for i in range(40):
        (tmp_path / f"{i}.yaml").write_text(f"extends: {i + 1}.yaml\n")
    assert "extends a chain of more than 16 files" in refused(tmp_path / "0.yaml")
    (tmp_path / "3.yaml").write_text("extends: 0.yaml\n")
    with pytest.raises(RecipeError, match="extends itself, through"):
        load_recipe(tmp_path / "0.yaml")
