"""The command as a whole: help, version, errors in one line, and files nobody needs to look up."""

from __future__ import annotations

import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

from dali_mixup import __version__
from dali_mixup.cli import app
from dali_mixup.cli.errors import usage_errors

COMMANDS = ("demo", "preview")


def test_help_names_every_command() -> None:
    result = CliRunner().invoke(app, ["--help"])
    assert result.exit_code == 0
    for command in COMMANDS:
        assert command in result.output


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    result = CliRunner().invoke(app, [command, "--help"])
    assert result.exit_code == 0
    assert "Usage" in result.output


def test_version() -> None:
    assert CliRunner().invoke(app, ["--version"]).output == f"dali-mixup {__version__}\n"


def test_python_dash_m_is_the_same_command() -> None:
    command = [sys.executable, "-m", "dali_mixup", "--version"]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert output == f"dali-mixup {__version__}\n"


def test_a_usage_error_is_one_line_and_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as caught, usage_errors():
        raise ValueError("alpha=-1, expected > 0")
    assert caught.value.exit_code == 2
    assert capsys.readouterr().err == "error: alpha=-1, expected > 0\n"


def test_a_bug_keeps_its_traceback() -> None:
    with pytest.raises(ZeroDivisionError), usage_errors():
        _ = 1 / 0
