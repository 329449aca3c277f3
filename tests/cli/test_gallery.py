from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from dali_mixup._files import NotWritten
from dali_mixup._repr import short
from dali_mixup.cli import app
from dali_mixup.cli.gallery import SIZE, VARIANTS, mixed
from dali_mixup.cli.pictures import open_picture, save_picture
from dali_mixup.methods import REGISTRY, CutMix, MixUp


@pytest.fixture
def photographs(tmp_path):
    paths = [tmp_path / "red.png", tmp_path / "blue.png"]
    for path, colour, size in zip(paths, ((255, 0, 0), (0, 0, 255)), ((300, 260), (200, 330)), strict=True):
        Image.new("RGB", size, colour).save(path)
    return [str(path) for path in paths]


def test_every_registered_method_is_drawn(photographs, tmp_path):
    out = tmp_path / "gallery.png"
    result = CliRunner().invoke(app, ["gallery", *photographs, "--out", str(out)])
    assert result.exit_code == 0, result.output
    count = len(REGISTRY) + sum(map(len, VARIANTS.values()))
    assert f"{count} ways" in result.output
    picture = Image.open(out)
    assert picture.width > 5 * SIZE and picture.height > (2 + count) // 5 * SIZE


@pytest.mark.parametrize("name", sorted(REGISTRY))
def test_the_weights_drawn_are_those_of_the_pixels_drawn(name):
    batch = np.zeros((2, SIZE, SIZE, 3), np.uint8)
    batch[0, :, :, 0] = batch[1, :, :, 2] = 255
    pixels, classes, weights = mixed(batch, REGISTRY[name]())
    for colour, image in ((0, 0), (2, 1)):
        # Drawn in whole grey levels, of which a weight of 1 has 255.
        assert abs(pixels[:, :, colour].mean() / 255 - weights[classes == image].sum()) < 0.5 / 255


@pytest.mark.parametrize("method", [CutMix(), MixUp(), MixUp(lam=0.9)], ids=short)
def test_both_photographs_are_as_visible_as_the_method_allows(method):
    *_, classes, weights = mixed(np.zeros((2, SIZE, SIZE, 3), np.uint8), method)
    if method == MixUp(lam=0.9):
        assert weights.tolist() == pytest.approx([0.9, 0.1])
    else:
        assert 0.4 <= weights[classes == 0].sum() <= 0.65


def test_titles_name_what_is_not_a_default():
    assert short(CutMix()) == "CutMix()"
    assert short(MixUp(0.8, k=3)) == "MixUp(alpha=0.8, k=3)"


def test_a_missing_photograph_is_an_error_of_one_line(photographs):
    result = CliRunner().invoke(app, ["gallery", photographs[0], "nowhere.png"])
    assert result.exit_code == 2 and "nowhere.png" in result.stderr and "Traceback" not in result.output


def test_only_the_named_methods_are_drawn(photographs, tmp_path):
    out = tmp_path / "some.png"
    result = CliRunner().invoke(app, ["gallery", *photographs, "--only", "mixup, cutmix", "--out", str(out)])
    assert result.exit_code == 0 and "2 ways" in result.output
    assert Image.open(out).height < 2 * SIZE, "one row"


def test_an_unknown_method_is_refused_before_anything_is_drawn(photographs, tmp_path):
    out = tmp_path / "none.png"
    result = CliRunner().invoke(app, ["gallery", *photographs, "--only", "mixup,cutmx", "--out", str(out)])
    assert result.exit_code == 2 and not out.exists()
    assert "there is no method 'cutmx', expected some of" in result.output


def test_a_photograph_that_cannot_be_read_is_named(photographs, tmp_path, monkeypatch):
    cut = tmp_path / "cut.jpg"
    Image.new("RGB", (300, 260), "red").save(cut)
    cut.write_bytes(cut.read_bytes()[:-40])
    for broken, limit, words in (
        (str(cut), 10**6, "cut.jpg': image file is truncated"),
        (photographs[0], 100, "red.png': Image size"),
    ):
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
        result = CliRunner().invoke(app, ["gallery", broken, str(cut), "--only", "mixup"])
        assert result.exit_code == 2 and words in result.stderr and "Traceback" not in result.output


@pytest.mark.parametrize("error", [EOFError("it ends here"), NotImplementedError("it ends here")])
def test_so_is_one_on_which_pillow_fails_otherwise(photographs, tmp_path, monkeypatch, error):
    odd = tmp_path / "odd.dds"
    Image.new("RGB", (8, 8)).save(odd)
    odd.write_bytes(odd.read_bytes()[:80] + bytes(4) + odd.read_bytes()[84:])
    with pytest.raises(ValueError, match=r"odd.dds': Unknown pixel format"):
        open_picture(odd)

    def fail(*_):
        raise error

    monkeypatch.setattr(Image, "open", fail)
    result = CliRunner().invoke(app, ["gallery", photographs[0], photographs[1], "--only", "mixup"])
    assert result.exit_code == 2 and "red.png': it ends here" in result.stderr


@pytest.mark.parametrize("suffix", [".png", ".tif", ".pgm"])
def test_grey_of_16_bits_is_scaled_as_by_the_loaders(tmp_path, suffix):
    grey = np.linspace(0, 65535, 256).astype(np.uint16).reshape(16, 16)
    Image.fromarray(grey).save(tmp_path / f"grey{suffix}")
    opened = open_picture(tmp_path / f"grey{suffix}")
    assert opened.mode == "RGB" and np.array_equal(np.asarray(opened)[..., 1].ravel(), np.arange(256))


def test_a_picture_too_large_for_its_format_is_one_line(tmp_path):
    with pytest.raises(NotWritten, match=r"cannot write '.*wide\.webp'"):
        save_picture(Image.new("RGB", (17000, 1)), tmp_path / "wide.webp")
