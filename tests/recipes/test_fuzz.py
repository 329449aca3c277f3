"""Fuzzed recipe files: a recipe, or a clear error of ours that names the file's fault, never anything else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dali_mixup import load_recipe

LEAVES = [
    (section, key)
    for name in ("deit-s", "torchvision-resnet50-v2", "mixup-cifar10")
    for section, inside in yaml.safe_load(
        (Path(__file__).parents[2] / f"pipelines/{name}.yaml").read_text()
    ).items()
    if isinstance(inside, dict)
    for key in inside
]
scalars = st.none() | st.booleans() | st.integers(-3, 300) | st.floats() | st.text(max_size=5)
junk = scalars | st.lists(scalars, max_size=3) | st.dictionaries(st.text(max_size=4), scalars, max_size=2)


@given(where=st.sampled_from(LEAVES), value=junk)
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_changed_file_is_a_recipe_or_a_clear_error(
    tmp_path: Path, where: tuple[str, str], value: Any
) -> None:
    section, key = where
    path = tmp_path / "changed.yaml"
    path.write_text(yaml.safe_dump({"extends": "deit-s", section: {key: value}}, allow_unicode=True))
    try:
        made = load_recipe(str(path))
    except (TypeError, ValueError) as error:
        assert section in str(error) or key in str(error), (error, section, key, value)
    else:
        assert made is not None


@pytest.mark.parametrize("text", ["", "[]", "7", "{", "a: [", "extends: 3", "\x00", "- 1"])
def test_what_is_no_recipe_at_all_is_a_clear_error(tmp_path: Path, text: str) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text(text)
    with pytest.raises((TypeError, ValueError)):
        load_recipe(str(path))
