"""The command as a whole: help, version, errors in one line, and files nobody needs to look up."""

from __future__ import annotations

import os
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
from dali_mixup.__main__ import main
from dali_mixup._graph.child import ChildError
from dali_mixup.cli import app
from dali_mixup.cli.errors import Commands, usage_errors

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


@pytest.mark.parametrize("arguments", [["check", "/no/such/folder"], ["check", "--no-such-option"]])
def test_the_exit_code_is_2_also_where_no_message_fits(arguments: list[str]) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run([sys.executable, "-m", "dali_mixup", *arguments], stderr=full)
    assert done.returncode == 2


@pytest.mark.parametrize("error", [ChildError("the child does not work"), MemoryError()])
def test_what_the_data_are_not_to_blame_for_is_one_line_and_exit_code_2(error: Exception) -> None:
    toy = typer.Typer(cls=Commands)

    @toy.command()
    def fails() -> None:
        raise error

    toy.command("other")(lambda: None)
    result = CliRunner().invoke(toy, ["fails"])
    assert result.exit_code == 2 and result.stderr == f"error: {str(error) or 'the memory is too short'}\n"


def test_no_file_gets_the_number_of_a_closed_standard_stream() -> None:
    code = (
        "from dali_mixup.__main__ import _open_standard_streams as fill; import os; fill(); "
        "raise SystemExit(os.open(os.devnull, os.O_RDONLY) < 3 or not os.get_inheritable(2))"
    )
    command = ["sh", "-c", 'exec "$0" -c "$1" 0<&- 1>&- 2>&-', sys.executable, code]
    assert subprocess.run(command).returncode == 0


def test_interrupted_before_the_command_begins(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("dali_mixup.__main__._run", interrupt)
    with pytest.raises(SystemExit) as raised:
        main()
    assert raised.value.code == 130 and capsys.readouterr().err == "error: interrupted\n"


def test_a_missing_package_is_one_line_and_a_missing_module_of_ours_a_bug() -> None:
    toy = typer.Typer(cls=Commands)

    @toy.command()
    def named() -> None:
        raise ImportError("this needs pyarrow; pip install pyarrow")

    @toy.command()
    def bare() -> None:
        import no_such_package  # noqa: F401

    @toy.command()
    def ours() -> None:
        import dali_mixup.no_such_module  # noqa: F401

    @toy.command()
    def constructed() -> None:
        with usage_errors():
            raise ImportError("two packages are both installed")

    for command, words in (
        ("named", "this needs pyarrow; pip install pyarrow"),
        ("bare", "this command needs no_such_package, which is not installed"),
        ("constructed", "two packages are both installed"),
    ):
        result = CliRunner().invoke(toy, [command])
        assert result.exit_code == 2 and result.stderr == f"error: {words}\n"
    assert isinstance(CliRunner().invoke(toy, ["ours"]).exception, ModuleNotFoundError)


@pytest.mark.parametrize("command", ["--help", "bench --help", "recipes list", "recipes --help"])
def test_a_reader_that_has_left_is_exit_code_141(command: str) -> None:
    """As of `| head -c 0`; help is printed by rich, which ends the process by itself."""
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as stdout:
        done = subprocess.run(
            [sys.executable, "-m", "dali_mixup", *command.split()],
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert (done.returncode, done.stderr) == (141, "")


def test_a_bug_keeps_its_traceback() -> None:
    with pytest.raises(ZeroDivisionError), usage_errors():
        _ = 1 / 0


def test_a_file_that_ends_too_early_is_a_bug_and_not_the_end_of_the_users_input() -> None:
    """Of an EOFError, click says "Aborted." and nothing else."""
    toy = typer.Typer(cls=Commands)

    @toy.command()
    def first() -> None:
        raise EOFError("Compressed file ended before the end-of-stream marker was reached")

    @toy.command()
    def second() -> None: ...

    result = CliRunner().invoke(toy, ["first"])
    assert isinstance(result.exception, RuntimeError) and "Aborted" not in result.output
    assert str(result.exception) == f"a file or an answer ended too early: {result.exception.__cause__}"
