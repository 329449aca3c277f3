"""A training run that is disturbed at the moment when it writes loses nothing: after a signal it goes on until its next
step and stops with a checkpoint, and on a full disk the files of before stay."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

FAULTS = ("full disk", "SIGINT", "SIGTERM", "SIGKILL")

RUN = [
    "train",
    "--recipe",
    "{recipe}",
    "--data",
    "{data}",
    "--output",
    "{out}",
    "--device",
    "cpu",
    "--epochs",
    "2",
]
RUN += ["--image-size", "32", "--num-threads", "1", "--checkpoint-every", "2"]


@pytest.mark.slow
@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", ["metrics.csv", "checkpoint.pt"])
def test_train(
    ended: Callable[[list[object], str, str], dict[str, Any]],
    recipe: str,
    few_photographs: Path,
    tmp_path: Path,
    name: str,
    fault: str,
) -> None:
    arguments: list[object] = [
        argument.format(recipe=recipe, data=few_photographs, out=tmp_path) for argument in RUN
    ]
    steps = 5  # into the second epoch: metrics.csv has one line
    first = ended([*arguments, "--max-steps", steps], "", "")
    assert first["code"] == 0 and "stopped in epoch 1" in first["stdout"], first
    before = lines(tmp_path)
    assert [line["epoch"] for line in before] == ["0"]

    result = ended([*arguments, "--resume"], name, fault)
    assert "Traceback" not in result["stderr"], result
    if fault == "full disk":
        (line,) = [line for line in result["stderr"].splitlines() if line.startswith("error: ")]
        assert result["code"] == 2 and line.startswith(f"error: cannot write '{tmp_path / name}': "), result
    else:
        assert result["code"] in ((-9,) if fault == "SIGKILL" else (0, 130)), result
    assert lines(tmp_path)[:1] == before
    assert torch.load(tmp_path / "checkpoint.pt", weights_only=True)["step"] >= steps

    assert ended([*arguments, "--resume"], "", "")["code"] == 0
    after = lines(tmp_path)
    assert [line["epoch"] for line in after] == ["0", "1"] and after[0] == before[0]
    assert not list(tmp_path.glob("*.partial"))


def lines(folder: Path) -> list[dict[str, str]]:
    with open(folder / "metrics.csv", newline="") as file:
        return list(csv.DictReader(file))
