"""The options of a run are checked when they are given, and kept as Python's own numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dali_mixup.train import TrainOptions

INTEGERS = ("epochs", "batch_size", "accumulate", "image_size", "num_classes", "seed", "num_threads")
INTEGERS += ("read_ahead", "checkpoint_every", "log_every", "max_steps")
SWITCHES = ("channels_last", "compile", "resume", "tensorboard")


def options(**given: Any) -> TrainOptions:
    return TrainOptions(**{"recipe": "deit-s", "data": "imagenet", **given})


@pytest.mark.parametrize("name", SWITCHES)
@pytest.mark.parametrize("value", ["no", "off", 1, 0, None])
def test_a_switch_is_true_or_false(name: str, value: Any) -> None:
    with pytest.raises(TypeError, match=rf"train: {name}=.* expected True or False"):
        options(**{name: value})


@pytest.mark.parametrize("name", ["recipe", "data", "output"])
@pytest.mark.parametrize("value", [None, 5, ["a"]])
def test_a_path_is_a_text_or_path(name: str, value: Any) -> None:
    with pytest.raises(TypeError, match=rf"train: {name}=.* expected a (path|recipe's name or file)"):
        options(**{name: value})


@pytest.mark.parametrize("name", ["val_data", "model"])
def test_what_may_be_none_is_otherwise_a_text(name: str) -> None:
    assert getattr(options(**{name: None}), name) is None
    with pytest.raises(TypeError, match=rf"train: {name}=5 is a int, expected .* or None"):
        options(**{name: 5})


@pytest.mark.parametrize("name", ["recipe", "data", "val_data", "output", "model"])
def test_an_empty_text_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=rf"train: {name}='' is empty, expected"):
        options(**{name: ""})


@pytest.mark.parametrize("seed", [-1, 2**63, 2**64])
def test_a_seed_that_torch_cannot_take_is_refused(seed: int) -> None:
    with pytest.raises(ValueError, match=rf"seed={seed}, expected an integer >= 0 and <= {2**63 - 1}"):
        options(seed=seed)


@pytest.mark.parametrize("name", INTEGERS)
def test_numpy_numbers_become_python_numbers(name: str) -> None:
    # A checkpoint that holds NumPy's scalars is one that torch.load(weights_only=True) refuses.
    assert type(getattr(options(**{name: np.int64(3)}), name)) is int


def test_right_values_pass() -> None:
    given = options(
        recipe=Path("a.yaml"), output="out", val_data=Path("val"), seed=2**63 - 1, resume=np.True_, model="x"
    )
    assert given.resume is True and given.seed == 2**63 - 1
    assert type(options(learning_rate=np.float32(0.5)).learning_rate) is float
