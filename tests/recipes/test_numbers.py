"""Numbers as YAML 1.1 reads them: what is taken for text gets the right advice, and what is taken for another number is
refused."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from dali_mixup.recipes import RecipeError, load_recipe
from dali_mixup.recipes.numbers import number_in_yaml
from tests.recipes.writing import written


def fault(folder: Path, text: str) -> str:
    with pytest.raises(RecipeError) as caught:
        load_recipe(written(folder, f"extends: deit-s\n{text}\n"))
    return str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "1e-3",
        "1e3",
        "1E5",
        "+1e-3",
        "-2e4",
        "1e-05",
        "5.e-3",
        ".5e-3",
        "0.1",
        "1_0e3",
        "3",
        "08",
        " 7 ",
        "1e22",
        "\uff11e3",
    ],
)
def test_the_advice_is_the_number(text: str) -> None:
    advice = number_in_yaml(text, whole=False)
    assert advice is not None and yaml.safe_load(advice) == float(text)
    assert isinstance(yaml.safe_load(advice), int | float)


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("3", "3"),
        ("12345678901234567891", "12345678901234567891"),
        ("08", "8"),
        ("1e2", "100"),
        ("2.0", "2"),
        ("2.5", None),
        ("1e-3", None),
    ],
)
def test_whole_numbers(text: str, whole: str | None) -> None:
    assert number_in_yaml(text, whole=True) == whole


@pytest.mark.parametrize(
    "text", ["", "big", "nan", "inf", "-inf", "1e400", "9" * 400, "0o17", "0x1F", "1:30", "1e-"]
)
def test_no_advice_where_there_is_no_number(text: str) -> None:
    assert number_in_yaml(text, whole=False) is number_in_yaml(text, whole=True) is None


SECTION = r"expected a section with keys of these: "


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "training: {learning_rate: 1e-3}",
            rf"training\.learning_rate: '1e-3'; {SECTION}base, decay, .*warmup_start$",
        ),
        ("training: {learning_rate: 0.1}", rf"training\.learning_rate: 0\.1; {SECTION}base, "),
        ("training: '3'", rf"training: '3'; {SECTION}batch_size, "),
        ("policy: 3", rf"policy: 3; {SECTION}alternation, "),
        ("validation: [1]", rf"validation: \[1\]; {SECTION}flip_average, transform$"),
        ("policy: {methods: '3'}", r"methods: '3'; expected a list or a section of keys$"),
        ("policy: {schedule: 1e2}", r"schedule: '1e2'; expected a section of keys or a list$"),
        ("views: '3'", r"views: '3'; expected a list$"),
        ("transform: {antialias: '1'}", r"'1'; input should be a valid boolean$"),
        (
            "training: {epochs: 1e2}",
            r"'1e2'; input should be a valid integer \(YAML reads it as text; write 100 without",
        ),
        ("training: {epochs: 1e-2}", r"'1e-2'; input should be a valid integer$"),
        (
            "transform: {image_size: 2e2}",
            r"a section of keys \(YAML reads it as text; write 200 without quotes\)$",
        ),
        (
            "source: {top1: 7e1}",
            r"'7e1'; input should be a valid number \(YAML reads it as text; write 7\.0e\+1 without",
        ),
        ("source: {top1: .inf}", r"finite number$"),
        ("source: {top1: 'inf'}", r"'inf'; input should be a valid number$"),
    ],
)
def test_advice_does_not_lead_to_the_next_error(tmp_path: Path, text: str, message: str) -> None:
    assert re.search(message, fault(tmp_path, text)), fault(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "transform: {image_size: 0224}",
            r"line 2, column 25: 0224 is read as 148, .*base 8; write 224 or 148, or quotes",
        ),
        ("transform: {image_size: -0_224}", r"-0_224 is read as -148, .* write -224 or -148"),
        ("transform: {image_size: [0224, 224]}", r"0224 is read as 148"),
        ("transform: {image_size: !!int '0224'}", r"0224 is read as 148"),
        (
            "training: {epochs: 1:30}",
            r"1:30 is read as 90, since colons count in sixties; write 90, or quotes",
        ),
        ("training: {batch_size: 1_0:00}", r"1_0:00 is read as 600"),
        ("source: {top1: 1:12.5}", r"1:12\.5 is read as 72\.5"),
        ("title: 12:30:45", r"12:30:45 is read as 45045, .* or quotes for text"),
        ("0224: 3", r"0224 is read as 148"),
    ],
)
def test_numbers_of_base_8_and_60_are_refused(tmp_path: Path, text: str, message: str) -> None:
    assert re.search(message, fault(tmp_path, text)), fault(tmp_path, text)


def test_what_reads_as_it_looks_is_taken(tmp_path: Path) -> None:
    lines = (
        "extends: deit-s",
        "title: '0224, at 1:30'",
        "transform: {image_size: 0xE0}",
        "training: {epochs: 07, batch_size: 1_024}",
    )
    recipe = load_recipe(written(tmp_path, "\n".join(lines)))
    assert recipe.transform.image_size == 224 and recipe.training.epochs == 7
    assert recipe.training.batch_size == 1024 and recipe.title == "0224, at 1:30"
