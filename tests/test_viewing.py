"""The drawing of a mixed batch: pixels in place, bars as long as the weights say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from dali_mixup.viewing import denormalise, shares_of, to_grid
from dali_mixup.viewing.contact_sheet import (
    BAR,
    COLOURS,
    LINE,
    MARGIN,
    TEXT,
    TRACK,
    class_shares,
    contact_sheet,
)

TILE = 200
DENSE = np.array([[1.25, -0.25, 0.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0, 0.0]])
NAMES = ["ant", "bee", "cat", "dog", "a name that goes on and on, far beyond what a tile can hold"]


def sheet_of(labels: list[list[int]], weights: list[list[float]], **options: int) -> np.ndarray:
    images = np.zeros((len(labels), 20, 20, 3), dtype=np.uint8)
    return np.asarray(contact_sheet(images, np.array(labels), np.array(weights), NAMES, tile=TILE, **options))


def bar(sheet: np.ndarray, line: int, x: int = MARGIN, y: int = MARGIN) -> np.ndarray:
    """(TILE, 3) the middle row of pixels of a bar under the tile at (x, y)."""
    return sheet[y + TILE + 4 + line * LINE + TEXT + BAR // 2, x : x + TILE]


def length(pixels: np.ndarray, colour: tuple[int, int, int]) -> int:
    return int((pixels == colour).all(-1).sum())


@given(st.floats(0.005, 0.995))
def test_bars_are_as_long_as_the_weights(own: float) -> None:
    sheet = sheet_of([[0, 1]], [[own, 1 - own]])
    for line, weight in enumerate((own, 1 - own)):
        pixels = bar(sheet, line)
        assert length(pixels, COLOURS[line]) == pytest.approx(weight * TILE, abs=0.5)
        assert length(pixels, COLOURS[line]) + length(pixels, TRACK) == TILE


def test_a_bar_starts_at_the_left_edge_of_its_image() -> None:
    pixels = bar(sheet_of([[0, 1]], [[0.25, 0.75]]), 0)
    assert (pixels[:50] == COLOURS[0]).all()
    assert (pixels[50:] == TRACK).all()


def test_a_tiny_weight_is_still_seen() -> None:
    assert length(bar(sheet_of([[0, 1]], [[0.9999, 0.0001]]), 1), COLOURS[1]) == 1


def test_an_unmixed_row_has_one_full_bar_and_nothing_under_it() -> None:
    sheet = sheet_of([[0, 1], [0, 1]], [[1.0, 0.0], [0.5, 0.5]])
    assert length(bar(sheet, 0), COLOURS[0]) == TILE
    assert (bar(sheet, 1) == 255).all()


def test_the_same_class_twice_is_one_bar_of_both_weights() -> None:
    sheet = sheet_of([[2, 2], [2, 1]], [[0.3, 0.7], [0.5, 0.5]])
    assert length(bar(sheet, 0), COLOURS[0]) == TILE
    assert (bar(sheet, 1) == 255).all()


def test_a_partner_keeps_its_colour_when_the_own_class_has_no_weight() -> None:
    assert length(bar(sheet_of([[0, 1]], [[0.0, 1.0]]), 0), COLOURS[1]) == TILE


def test_extrapolated_labels_stay_under_their_own_images() -> None:
    """1.25 of one label and -0.25 of another, beside a second image: a full bar, and an empty one."""
    for targets in ([[0, 1], [2, 2]], [[1.25, -0.25], [0.5, 0.5]]), shares_of(DENSE, 2):
        sheet = sheet_of(*(np.asarray(part).tolist() for part in targets))
        assert length(bar(sheet, 0), COLOURS[0]) == TILE and length(bar(sheet, 1), TRACK) == TILE
        assert (bar(sheet, 0, MARGIN + TILE)[:MARGIN] == 255).all()


def test_class_shares_add_equal_classes_in_column_order() -> None:
    shares = class_shares(np.array([3, 1, 3, 0]), np.array([0.25, 0.5, 0.25, 0.0]))
    assert shares == [(3, 0.5, 0), (1, 0.5, 1)]


@given(n=st.integers(1, 9), columns=st.integers(1, 5))
def test_every_image_is_where_its_row_and_column_say(n: int, columns: int) -> None:
    images = np.stack([np.full((20, 20, 3), 10 + 20 * i, dtype=np.uint8) for i in range(n)])
    labels, weights = np.zeros((n, 1), dtype=int), np.ones((n, 1))
    sheet = np.asarray(contact_sheet(images, labels, weights, NAMES, columns=columns, tile=TILE))
    cell_height = TILE + 4 + LINE + MARGIN
    assert sheet.shape[1] == min(n, columns) * (TILE + MARGIN) + MARGIN
    assert sheet.shape[0] == -(-n // columns) * cell_height + MARGIN
    for i in range(n):
        y, x = MARGIN + i // columns * cell_height, MARGIN + i % columns * (TILE + MARGIN)
        assert (sheet[y : y + TILE, x : x + TILE] == 10 + 20 * i).all()


def test_images_keep_their_proportions() -> None:
    one = np.ones((1, 1))
    wide = contact_sheet(
        np.zeros((1, 50, 100, 3), dtype=np.uint8), one.astype(int) * 0, one, NAMES, tile=TILE
    )
    tall = contact_sheet(
        np.zeros((1, 100, 50, 3), dtype=np.uint8), one.astype(int) * 0, one, NAMES, tile=TILE
    )
    assert tall.height - wide.height == 2 * TILE - TILE // 2


def test_text_stays_inside_its_tile(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = []
    text = ImageDraw.ImageDraw.text

    def recording(
        self: ImageDraw.ImageDraw, xy: tuple[int, int], words: str, fill, font, anchor: str
    ) -> None:
        left, _, right, _ = self.textbbox(xy, words, font, anchor=anchor)
        drawn.append((words, left, right))
        text(self, xy, words, fill, font, anchor=anchor)

    monkeypatch.setattr(ImageDraw.ImageDraw, "text", recording)
    sheet_of([[4, 1]], [[0.995, 0.005]])
    (percent, left, right), (name, start, end) = drawn[:2]
    assert percent == "99.5%" and name.startswith("a name that") and name.endswith("…")
    assert start >= MARGIN and end < left and right <= MARGIN + TILE + 1
    assert [words for words, _, _ in drawn[2:]] == ["0.5%", "bee"]


@pytest.mark.parametrize(
    ("weight", "words"),
    [
        (0.25, "25.0%"),
        (0.0001, "<0.1%"),
        (0.9999, ">99.9%"),
        (1.0, "100.0%"),
        (1.25, "125.0%"),
        (-0.25, "-25.0%"),
        (-0.0001, ">-0.1%"),
    ],
)
def test_the_weight_is_printed(weight: float, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    printed = []
    monkeypatch.setattr(ImageDraw.ImageDraw, "text", lambda self, xy, words, *_, **__: printed.append(words))
    sheet_of([[0, 1]], [[weight, 1 - weight]])
    assert printed[0] == words


def test_denormalise_undoes_the_normalisation_exactly() -> None:
    rng = np.random.RandomState(0)
    pixels = rng.randint(0, 256, size=(2, 5, 7, 3), dtype=np.uint8)
    mean, std = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
    normalised = ((pixels - np.float32(mean)) / np.float32(std)).astype(np.float32).transpose(0, 3, 1, 2)
    np.testing.assert_array_equal(denormalise(normalised, mean, std), pixels)


def test_denormalise_clips_what_no_image_can_show() -> None:
    out = denormalise(np.array([-9.0, 9.0, 0.0]).reshape(1, 3, 1, 1), (100, 100, 100), (50, 50, 50))
    np.testing.assert_array_equal(out.ravel(), [0, 255, 100])


@pytest.mark.parametrize(
    ("images", "labels", "weights"),
    [
        (np.zeros((0, 4, 4, 3), np.uint8), np.zeros((0, 2), int), np.zeros((0, 2))),
        (np.zeros((2, 4, 4, 3), np.float32), np.zeros((2, 2), int), np.zeros((2, 2))),
        (np.zeros((2, 3, 4, 4), np.uint8), np.zeros((2, 2), int), np.zeros((2, 2))),
        (np.zeros((2, 4, 4, 3), np.uint8), np.zeros((2, 2), int), np.zeros((2, 3))),
        (np.zeros((2, 4, 4, 3), np.uint8), np.zeros((3, 2), int), np.zeros((3, 2))),
    ],
)
def test_shapes_that_do_not_belong_together_are_refused(
    images: np.ndarray, labels: np.ndarray, weights: np.ndarray
) -> None:
    with pytest.raises(ValueError, match=r"contact_sheet: .*expected"):
        contact_sheet(images, labels, weights, NAMES)


def test_the_sheet_is_an_ordinary_picture(tmp_path) -> None:
    images, labels, weights = np.zeros((1, 8, 8, 3), np.uint8), np.zeros((1, 1), int), np.ones((1, 1))
    contact_sheet(images, labels, weights, NAMES).save(tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as picture:
        assert picture.mode == "RGB"


@pytest.mark.parametrize(("channels", "bits"), [(1, 8), (4, 8), (3, 16), (12, 16)])
def test_pixels_of_other_kinds_come_back(channels: int, bits: int) -> None:
    rng = np.random.RandomState(0)
    pixels = rng.randint(0, 2**bits, (2, 5, 6, channels))
    mean, std = rng.uniform(1, 200, channels), rng.uniform(1, 50, channels)
    normalised = ((pixels - mean) / std).transpose(0, 3, 1, 2)
    back = denormalise(normalised, mean.tolist(), std.tolist(), bits=bits)
    assert back.dtype == np.uint8 and np.abs(back - pixels * 255 / (2**bits - 1)).max() <= 0.51


def test_few_of_sixteen_bits_are_drawn_up_to_white() -> None:
    pixels = np.full((1, 2, 8, 8), 100.0)
    pixels[0, 0, :4], pixels[0, 1] = 4000.0, 4095.0
    sheet = np.asarray(to_grid(pixels, mean=(0.0, 0.0), std=(1.0, 1.0), bits=16, tile=8))
    tile = sheet[MARGIN : MARGIN + 8, MARGIN : MARGIN + 8]
    assert (tile[0] == round(255 * 4000 / 4095)).all() and (tile[-1] == round(255 * 100 / 4095)).all()


def test_other_channels_than_means_are_refused() -> None:
    with pytest.raises(ValueError, match=r"shape \(1, 4, 8, 8\) and 3 means, expected \(N, 3, H, W\)"):
        denormalise(np.zeros((1, 4, 8, 8)))
    with pytest.raises(ValueError, match="bits=12"):
        denormalise(np.zeros((1, 3, 8, 8)), bits=12)


def test_a_class_without_a_name_is_refused() -> None:
    images, ids = np.zeros((3, 3, 8, 8), np.float32), np.array([0, 2, 1])
    with pytest.raises(
        ValueError, match="class id 2, but names of 2 classes; expected a name for every class id"
    ):
        to_grid(images, ids, ["ant", "bee"])
    assert to_grid(images, ids, NAMES).size == to_grid(images, ids).size


def test_an_unlabelled_partner_has_no_classs_name() -> None:
    images = np.zeros((1, 20, 20, 3), np.uint8)
    labels, weights = np.array([[0, -1]]), np.array([[0.5, 0.5]])
    one, other = (contact_sheet(images, labels, weights, ["ant", name]) for name in ("bee", "cat"))
    assert np.array_equal(one, other)
    assert not np.array_equal(one, contact_sheet(images, abs(labels), weights, ["ant", "bee"]))
