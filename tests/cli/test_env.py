"""`dali-mixup env`: the block of a bug report."""

from __future__ import annotations

import json
import platform
import socket

import numpy as np
import torch
from typer.testing import CliRunner

from dali_mixup.bench.installation import short
from dali_mixup.cli import app


def test_lines_and_json_say_the_same() -> None:
    lines = CliRunner().invoke(app, ["env"]).output.splitlines()
    found = json.loads(CliRunner().invoke(app, ["env", "--json"]).output)
    printed = dict(line.split(maxsplit=1) for line in lines)
    assert printed["numpy"] == found["packages"]["numpy"] == np.__version__
    assert printed["python"] == found["python"] == platform.python_version()
    assert printed["cuda"] == str(found["cuda"] or "none")
    assert len(found["gpus"]) == torch.cuda.device_count()
    assert printed.keys() == found.keys() - {"packages"} | found["packages"].keys()


def test_it_names_neither_the_machine_nor_its_user() -> None:
    output = CliRunner().invoke(app, ["env"]).output
    assert socket.gethostname() not in output.split() and "/" not in output.replace("[", "")


def test_one_line_without_torch_and_dali() -> None:
    found = {"cuda": None, "gpus": [], "python": "3.12.1", "packages": {}}
    assert short(found) == (
        "DALI not installed, torch not installed (without CUDA), Numba not installed, Python 3.12.1, GPU: none"
    )


def test_one_line_with_gpus() -> None:
    found = {
        "cuda": "13.0",
        "gpus": ["A", "B"],
        "python": "3.12.1",
        "packages": {"nvidia-dali-cuda130": "2.4.0", "torch": "2.9", "numba": "0.6"},
    }
    assert short(found) == "DALI 2.4.0, torch 2.9 (CUDA 13.0), Numba 0.6, Python 3.12.1, GPU: A, B"
