"""`dali-mixup preview` on a real folder."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from dali_mixup.cli import app
from dali_mixup.viewing.contact_sheet import BAR, LINE, MARGIN, TEXT


def preview(*arguments: object):
    return CliRunner().invoke(app, ["preview", *map(str, arguments), "--device", "cpu"])


def test_draws_as_many_images_as_asked_for(image_folder: Path, tmp_path: Path) -> None:
    result = preview(image_folder, "--out", tmp_path / "sheet.png", "--images", 8, "--image-size", 64)
    assert result.exit_code == 0, result.output
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.size == (8 * 188 + MARGIN, 176 + 4 + 2 * LINE + 2 * MARGIN)


def test_a_small_data_set_is_drawn_whole(image_folder: Path, tmp_path: Path) -> None:
    result = preview(image_folder, "--out", tmp_path / "sheet.png", "--images", 500, "--image-size", 32)
    assert result.exit_code == 0, result.output
    assert "24 images of 24, 4 classes" in result.output


def test_without_mixing_every_image_has_one_full_bar(image_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "sheet.png"
    result = preview(
        image_folder, "--out", out, "--images", 4, "--mixup", 0, "--cutmix", 0, "--image-size", 32
    )
    assert result.exit_code == 0, result.output
    with Image.open(out) as sheet:
        assert sheet.height == 176 + 4 + LINE + 2 * MARGIN
        y = MARGIN + 176 + 4 + TEXT + BAR // 2
        assert {sheet.getpixel((x, y)) for x in range(MARGIN, MARGIN + 176)} == {(0, 114, 178)}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["/no/such/folder"], "/no/such/folder"),
        (["{folder}", "--mixup", "-1"], "alpha=-1.0"),
        (
            ["{folder}", "--image-size", "100000"],
            "--image-size 100000: a batch of 24 such images has 2,880 GB",
        ),
    ],
)
def test_bad_arguments_are_one_line(arguments: list[str], words: str, image_folder: Path) -> None:
    result = preview(*(a.format(folder=image_folder) for a in arguments))
    assert result.exit_code == 2
    assert words in result.output and "Traceback" not in result.output


def test_views_are_drawn_as_they_are_and_mixed(image_folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "views.png"
    result = preview(image_folder, "--out", out, "--views", "dino", "--images", 3)
    assert result.exit_code == 0 and "3 images of 24" in result.output, result.output
    with Image.open(out) as sheet:
        assert sheet.width == MARGIN + 2 * (224 + MARGIN) + 8 * (96 + MARGIN)
        shorter = preview(
            image_folder, "--out", out, "--views", "dino", "--images", 3, *("--mixup", 0, "--cutmix", 0)
        )
    assert shorter.exit_code == 0, shorter.output
    with Image.open(out) as plain:
        assert plain.height < sheet.height / 2 + 2 * LINE


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--views", "deit-s"], "the recipe has one view"),
        (["--views", "nosuch"], "nosuch"),
        (["--views", "dino", "--images", "1"], "two or more"),
        (["--views", "dino", "--channels", "1"], "--channels: --views draws images of the recipe's sizes"),
        (["--views", "dino", "--bits", "8", "--image-size", "99"], "--image-size, --bits: --views draws"),
    ],
)
def test_views_that_cannot_be_drawn(
    arguments: list[str], words: str, image_folder: Path, tmp_path: Path
) -> None:
    result = preview(image_folder, "--out", tmp_path / "v.png", *arguments)
    assert result.exit_code == 2 and words in " ".join(result.output.split()), result.output
