"""The command as a whole: help, version, errors in one line, and files nobody needs to look up."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

import numba
import nvidia.dali
import pytest
import torch
import typer
from typer.testing import CliRunner

from dali_mixup import __version__, cli
from dali_mixup.cli import app
from dali_mixup.cli.errors import usage_errors

COMMANDS = sorted(typer.main.get_group(app).commands)


def test_help_lists_every_command_with_its_summary() -> None:
    result = CliRunner().invoke(app, ["--help"])
    assert result.exit_code == 0
    listed = {
        line.split()[1] for line in result.output.splitlines() if len(line.split()) > 3 and line[0] == "│"
    }
    assert listed >= set(COMMANDS)


def test_every_file_of_the_folder_with_a_command_is_registered() -> None:
    """A command's file holds a function, or a group, of its own name; a forgotten registration shows here."""
    folder = Path(cli.__file__).parent
    named = {file.stem for file in folder.glob("*.py") if f"`dali-mixup {file.stem}`" in file.read_text()}
    assert named == set(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    result = CliRunner().invoke(app, [command, "--help"])
    assert result.exit_code == 0
    assert f"Usage: root {command} " in result.output


def test_version_names_what_a_result_depends_on() -> None:
    first, second = CliRunner().invoke(app, ["--version"]).output.splitlines()
    assert first == f"dali-mixup {__version__}"
    assert f"DALI {nvidia.dali.__version__}, torch {torch.__version__.partition('+')[0]}" in second
    assert f"Numba {numba.__version__}, Python {platform.python_version()}, GPU: " in second
    assert f"CUDA {torch.version.cuda}" in second


def test_python_dash_m_is_the_same_command() -> None:
    command = [sys.executable, "-m", "dali_mixup", "--version"]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert output.startswith(f"dali-mixup {__version__}\nDALI ")


def test_a_usage_error_is_one_line_and_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as caught, usage_errors():
        raise ValueError("alpha=-1, expected > 0")
    assert caught.value.exit_code == 2
    assert capsys.readouterr().err == "error: alpha=-1, expected > 0\n"


def test_a_bug_keeps_its_traceback() -> None:
    with pytest.raises(ZeroDivisionError), usage_errors():
        _ = 1 / 0
