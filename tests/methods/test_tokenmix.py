from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dali_mixup.methods import TokenMix
from dali_mixup.methods.tokenmix import _tokens, rectangles


def published_count(rng, lam, start=14, side=14):
    """Tokens the authors' block masks give the partner: their loop written out, with Python's rounding."""
    mask = np.zeros((side, side), dtype=int)
    wanted = min(side * side, int((1 - lam) * side * side) + start)
    count = 0
    while count < wanted:
        most, delta = wanted - count, 0
        for _ in range(10):
            area = rng.uniform(1, most)
            aspect = math.exp(rng.uniform(math.log(0.3), math.log(1 / 0.3)))
            h, w = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
            if w < side and h < side:
                top, left = rng.randint(0, side - h + 1), rng.randint(0, side - w + 1)
                patch = mask[top : top + h, left : left + w]
                if 0 < h * w - patch.sum() <= most:
                    delta = h * w - patch.sum()
                    patch[:] = 1
                    break
        if delta == 0:
            break
        count += delta
    return count


@pytest.mark.parametrize("lam", [0.5, 0.9])
def test_rectangles_cover_as_much_as_the_published_loop(same_mean, lam):
    theirs, ours = np.random.RandomState(1), np.random.RandomState(2)
    wanted = min(196, int((1 - lam) * 196) + 14)
    same_mean(
        rectangles(ours, np.full(1500, wanted), 14, 14).sum((1, 2)),
        np.array([published_count(theirs, lam) for _ in range(1500)]),
    )


def test_the_authors_give_the_partner_112_of_196_tokens(draw):
    assert (draw(TokenMix(shape="random"), 20, 224, 224).weights[:, 1] == 112 / 196).all()
    block = draw(TokenMix(), 200, 224, 224).weights[:, 1]
    assert block.max() <= 112 / 196 and np.median(block) > 0.95 * 112 / 196


def test_blocks_hang_together_more_than_single_tokens(draw):
    def borders(shape):
        masks = draw(TokenMix(shape=shape), 50, 14, 14).masks
        return abs(np.diff(masks, axis=1)).sum() + abs(np.diff(masks, axis=2)).sum()

    assert borders("random") > 2 * borders("block")


def test_lam_may_be_drawn(draw, mean_is):
    # E[min(T, floor(U T) + 14)] / T at T = 196: floor(U T) is uniform on 0..195.
    expected = np.minimum(np.arange(196) + 14, 196).mean() / 196
    mean_is(draw(TokenMix(lam=None, shape="random"), 20_000, 14, 14).weights[:, 1], expected)


def test_tokens_are_stretched_over_any_image(draw):
    """As interpolating the grid by nearest neighbour does; every row of pixels belongs to token floor(y rows / H)."""
    draws = draw(TokenMix(shape="random", tokens=(4, 6)), 20, 30, 50)
    row_of, column_of = np.arange(30) * 4 // 30, np.arange(50) * 6 // 50
    first_y, first_x = np.searchsorted(row_of, range(4)), np.searchsorted(column_of, range(6))
    grid = draws.masks[:, first_y][:, :, first_x]
    np.testing.assert_array_equal(draws.masks, grid[:, row_of][:, :, column_of])
    torch = pytest.importorskip("torch")
    near = torch.nn.functional.interpolate(torch.from_numpy(grid)[:, None], size=(30, 50), mode="nearest")
    np.testing.assert_array_equal(draws.masks, near[:, 0].numpy())


@given(
    lam=st.none() | st.floats(0, 1),
    tokens=st.tuples(st.integers(1, 16), st.integers(1, 16)),
    minimum=st.integers(0, 300),
    shape=st.sampled_from(["block", "random"]),
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    seed=st.integers(0, 2**32 - 1),
)
def test_any_arguments_are_lawful(lawful, lam, tokens, minimum, shape, height, width, seed):
    lawful(TokenMix(lam, tokens=tokens, minimum=minimum, shape=shape), 2, height, width, seed)


@given(
    counts=st.lists(st.integers(0, 400), min_size=1, max_size=5),
    rows=st.integers(1, 20),
    columns=st.integers(1, 20),
    seed=st.integers(0, 2**32 - 1),
)
def test_rectangles_never_cover_more_than_asked(counts, rows, columns, seed):
    made = rectangles(np.random.RandomState(seed), np.array(counts), rows, columns)
    assert made.shape == (len(counts), rows, columns)
    assert (made.sum((1, 2)) <= counts).all()


def test_a_rectangle_covers_its_tokens_and_no_others():
    """One rectangle each, put down anywhere on a grid of lines longer than a byte."""
    top, left = np.mgrid[0:3, 0:19].reshape(2, -1)
    h, w = np.minimum(2, 3 - top), np.minimum(11, 19 - left)
    made = np.unpackbits(_tokens(3, 19, top, left, h, w).reshape(-1, 3, 3), axis=2, count=19)
    for grid, y, x, height, width in zip(made, top, left, h, w, strict=True):
        expected = np.zeros((3, 19), np.uint8)
        expected[y : y + height, x : x + width] = 1
        np.testing.assert_array_equal(grid, expected)


@pytest.mark.parametrize(
    "arguments",
    [{"lam": 2}, {"alpha": 0}, {"tokens": 14}, {"tokens": (14, 0)}, {"minimum": -1}, {"shape": "attention"}],
)
def test_nonsense_is_refused(arguments):
    with pytest.raises((TypeError, ValueError), match="TokenMix"):
        TokenMix(**arguments)
