"""The schedule, the optimiser's step, and runs that are killed and resumed."""

from __future__ import annotations

import math
from copy import deepcopy
from dataclasses import replace
from importlib.resources import files as files_of
from pathlib import Path

import pytest
import torch

from benchmarks.equivalence import photographs
from benchmarks.equivalence.photographs import SIDES, strips, write_photographs
from benchmarks.equivalence.pipelines import opened
from benchmarks.equivalence.resumed import KILLS, PROCESSES, checkpoint_every, kill_steps, killed_and_resumed
from benchmarks.equivalence.settings import OURS, Settings
from benchmarks.equivalence.training import Learner, Run, learning_rate
from dali_mixup.bench.photographs import PHOTOGRAPHS


def test_the_learning_rate_is_torchs_cosine_after_a_linear_rise() -> None:
    steps, warm = 200, 10
    parameter = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([parameter], 1.0)
    cosine = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps - warm)
    expected = [(i + 1) / warm for i in range(warm)]
    for _ in range(steps - warm):
        expected.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        cosine.step()
    assert [learning_rate(step, steps) for step in range(steps)] == pytest.approx(expected, abs=1e-9)
    assert learning_rate(steps + 3, steps) == 0 and learning_rate(0, 1) == 1


def test_the_final_loss_is_the_mean_of_the_last_fifth() -> None:
    run = Run("dali", 0, tuple(map(float, range(10))), 70.0, 71.0, 1.0)
    assert run.metrics == {
        "test accuracy": 70.0,
        "final training loss": 8.5,
        "mean training loss": 4.5,
    }


def test_a_learner_learns_and_its_state_is_complete(black_and_white: Settings) -> None:
    batches = [batch for _ in range(10) for batch in opened(OURS, black_and_white, 0)]
    one = Learner(black_and_white, 0, len(batches))
    losses = [one.step(*batch).item() for batch in batches[:20]]
    other = Learner(black_and_white, 1, len(batches))
    other.load_state_dict(deepcopy(one.state_dict()))
    assert [one.step(*batch).item() for batch in batches[20:]] == [
        other.step(*batch).item() for batch in batches[20:]
    ]
    assert all(math.isfinite(loss) for loss in losses)
    tests = [
        (torch.full((3, 3, 16, 16), value), torch.full((3,), label)) for value, label in ((-2.1, 0), (2.4, 1))
    ]
    assert one.accuracy(tests) == 100 and one.accuracy(tests[:1]) == 100
    assert one.model.training


def test_kills_are_in_the_middle_of_epochs_and_lose_steps() -> None:
    for per_epoch in range(2, 50):
        for steps in range(20, 500):
            if steps % per_epoch == 0:
                kills = kill_steps(steps, per_epoch)
                assert len(set(kills)) == KILLS and list(kills) == sorted(kills)
                assert all(0 < step < steps and step % per_epoch for step in kills)
                assert all(step % checkpoint_every(steps) for step in kills)


@pytest.mark.parametrize(("steps", "per_epoch"), [(16, 4), (100, 1)])
def test_too_few_steps_to_kill_a_run_are_refused(steps: int, per_epoch: int) -> None:
    with pytest.raises(ValueError, match="too few to kill a run 5 times"):
        kill_steps(steps, per_epoch)


@pytest.mark.slow
def test_a_killed_and_resumed_run_is_the_same_bit_for_bit(black_and_white: Settings, tmp_path: Path) -> None:
    ticks: list[int] = []
    settings = replace(black_and_white, epochs=5)
    found = killed_and_resumed(settings, 3, tmp_path, lambda: ticks.append(1))
    assert found.identical and found.steps == 20 and len(ticks) == PROCESSES
    assert found.redone == sum(step % checkpoint_every(20) for step in found.kills) > 0


@pytest.mark.parametrize("width", [384, 479, 480, 577, 772])
def test_training_and_test_strips_share_no_pixel_and_leave_none_out(width: int) -> None:
    found = strips(width)
    columns = [x for areas in found.values() for left, right in areas for x in range(left, right)]
    assert sorted(columns) == list(range(width))
    assert min(right - left for areas in found.values() for left, right in areas) >= SIDES[0]


def test_photographs_are_written_alike_every_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    some = dict(list(PHOTOGRAPHS.items())[:3])
    monkeypatch.setattr(photographs, "PHOTOGRAPHS", some)
    for name in "ab":
        write_photographs(tmp_path / name, train_per_class=2, test_per_class=1)
    files = sorted(path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*.JPEG"))
    assert len(files) == 3 * len(some) and {file.parts[1] for file in files} == set(some)
    assert all((tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes() for file in files)


def test_every_photograph_is_in_its_package() -> None:
    for package, file in PHOTOGRAPHS.values():
        assert files_of(package).joinpath(*file.split("/")).is_file()
