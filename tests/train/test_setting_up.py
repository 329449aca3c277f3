"""What a run takes from its recipe, and what its options replace."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from dali_mixup import MixLoader, MixPolicy, MixUp, Schedule, ValTransform
from dali_mixup._epochs.ranks import Rank
from dali_mixup.augment import SizeSchedule
from dali_mixup.recipes import load_recipe
from dali_mixup.train import TrainOptions
from dali_mixup.train.setting_up import loaders
from dali_mixup.train.stretching import stretched_policy

CHANGES = """
extends: small.yaml
transform: {image_size: {kind: size_schedule, knots: [[0, 32], [4, 64]]}}
policy: {schedule: {start: 0, stop: 0.8, unit: fraction}}
output: {channels_last: true}
runtime: {num_threads: 1, prefetch: 3, read_ahead: 1}
"""


@pytest.fixture
def made(recipe: str, few_photographs: Path) -> Any:
    file = Path(recipe).with_name("changed.yaml")
    file.write_text(CHANGES)

    def make(**options: Any) -> tuple[MixLoader, MixLoader]:
        given = TrainOptions(str(file), few_photographs, device="cpu", **options)
        return loaders(given, load_recipe(file), Rank(0, 1, 0, 1), torch.device("cpu"), 8)

    return make


def test_the_recipe_s_output_and_runtime_are_used(made: Any) -> None:
    for loader in made():
        pipeline = loader.spec.pipeline
        assert (pipeline.num_threads, pipeline.prefetch, loader.spec.read_ahead) == (1, 3, 1)
        assert pipeline.first.channels_last


def test_options_replace_single_values(made: Any) -> None:
    for loader in made(num_threads=2, read_ahead=0):
        pipeline = loader.spec.pipeline
        assert (pipeline.num_threads, pipeline.prefetch, loader.spec.read_ahead) == (2, 3, 0)


def test_validation_images_keep_the_recipe_s_proportion(made: Any) -> None:
    assert made()[1].spec.pipeline.first.transform == ValTransform(48, 48)
    train, val = made(image_size=128)  # twice the 64 pixels of the last epochs
    assert train.spec.pipeline.first.transform.image_size == 128
    assert val.spec.pipeline.first.transform == ValTransform(96, 96)


@pytest.mark.parametrize(("options", "epochs"), [({}, 5), ({"epochs": 10}, 10)])
def test_a_schedule_in_fractions_stretches_with_the_run(
    made: Any, options: dict[str, int], epochs: int
) -> None:
    policy = made(**options)[0].spec.policy
    (schedule,) = policy.schedules.members
    on = [schedule.active(epoch, 0, None) for epoch in range(epochs)]
    assert on == [epoch < 0.8 * epochs for epoch in range(epochs)]


def test_sizes_stretch_with_the_run(made: Any) -> None:
    sizes = [made(epochs=epochs)[0].spec.pipeline.first.transform.image_size for epochs in (5, 10)]
    assert sizes == [SizeSchedule(((0, 32), (4, 64))), SizeSchedule(((0, 32), (8, 64)))]


def test_schedules_in_epochs_and_steps_stretch_with_the_run() -> None:
    ramp = Schedule(1, 4, alpha=[((0, 0.2), (4, 1.0))], prob=((0, 0.5), (2, 1.0)), weights=[1.0])
    policy = MixPolicy(MixUp(0.2), schedule=(ramp, Schedule(stop=100, unit="step")))
    twice, half = (stretched_policy(policy, factor).schedules.members for factor in (2, 0.5))
    assert twice == (
        Schedule(2, 8, alpha=[((0, 0.2), (8, 1.0))], prob=((0, 0.5), (4, 1.0)), weights=[1.0]),
        Schedule(stop=200, unit="step"),
    )
    assert half[0].stop == 2 and half[1].stop == 50
    assert stretched_policy(policy, 1) == policy
    called = MixPolicy(MixUp(0.2), schedule=Schedule(prob=lambda epoch: 0.5))
    with pytest.raises(ValueError, match=r"epochs= stretches the recipe's schedules, but .* is a function"):
        stretched_policy(called, 2)
    assert stretched_policy(called, 1) is called
