"""A leading ~ is the home folder wherever a command takes a path, also after --out=, where no shell replaces it."""

from __future__ import annotations

import typing
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

from dali_mixup import cli
from dali_mixup.cli import app
from dali_mixup.cli.paths import expanded

THEIR_OWN = {("train", "output"), ("validate", "files")}
"""Expanded by what they call."""


def path_parameters() -> Iterator[tuple[str, str, object]]:
    """(command, parameter, its typer option) of all parameters that are paths."""
    for group in (app, cli.recipes):
        for command in group.registered_commands:
            assert command.callback is not None
            for name, hint in typing.get_type_hints(command.callback, include_extras=True).items():
                if typing.get_origin(hint) is typing.Union:  # which Python 3.10 puts around a default of None
                    hint = typing.get_args(hint)[0]
                kind, *rest = typing.get_args(hint) or (None,)
                if rest and Path in (kind, *typing.get_args(kind)):
                    yield command.callback.__name__, name, rest[0]


def test_every_path_is_of_the_one_kind() -> None:
    found = {(command, name): getattr(option, "parser", None) for command, name, option in path_parameters()}
    assert {place for place, parser in found.items() if parser is not expanded} == THEIR_OWN
    assert {("demo", "out"), ("bench", "out"), ("check", "manifest"), ("gallery", "first")} <= set(found)


def test_no_folder_is_called_tilde(
    image_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    Image.new("RGB", (8, 8)).save(tmp_path / "home" / "a.png")
    commands = [
        ["check", str(image_folder), "--manifest=~/m.jsonl", "--exclude=~/x.jsonl"],
        ["gallery", "~/a.png", "~/a.png", "--only", "mixup", "--out=~/g.png"],
        ["pack", str(image_folder), "~/packed", "--workers", "1"],
        ["pack", "--verify", "~/packed"],
    ]
    for command in commands:
        result = CliRunner().invoke(app, command)
        assert result.exit_code == 0, result.output
    assert {path.name for path in (tmp_path / "home").iterdir()} == {
        "a.png",
        "m.jsonl",
        "x.jsonl",
        "g.png",
        "packed",
    }
    assert not list((tmp_path / "here").iterdir())


@pytest.mark.parametrize(
    "command",
    [
        ["pack", "DATA", ""],
        ["pack", "--verify", ""],
        ["pack", "--merge", ""],
        ["check", "DATA", "--manifest="],
    ],
)
def test_an_empty_path_is_not_the_current_folder(
    command: list[str], image_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of an unset variable, "$UNSET"."""
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, [str(image_folder) if word == "DATA" else word for word in command])
    assert result.exit_code == 2 and "an empty path" in result.output
    assert not list(tmp_path.iterdir())


def test_a_default_and_a_missing_path_stay() -> None:
    assert expanded(Path("bench")) == Path("bench")
    assert expanded("~no-such-user/x") == Path("~no-such-user/x")
    assert typer.main.get_command(app)  # every option can be built
