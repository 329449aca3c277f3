"""What every method's tests share: drawing, painting the draws pixel by pixel, and statistics with stated errors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from dali_mixup.methods import Draws, Form, Method


def _draw(method: Method, n: int, height: int, width: int, seed: int = 0) -> Draws:
    """A method's draws, with masks as arrays (n, H, W) whatever form they were drawn in."""
    draws = method.draw(np.random.RandomState(seed), n, height, width)
    return draws if draws.masks is None else replace(draws, masks=np.asarray(draws.masks))


def _painted(method: Method, draws: Draws, height: int, width: int) -> np.ndarray:
    """(n, k, H, W) float64: the weight of each column's image in every pixel, painted region by region."""
    n = len(draws.weights)
    canvas = np.zeros((n, method.columns, height, width))
    if method.form == Form.BLEND:
        pixels = draws.weights if draws.pixel_weights is None else draws.pixel_weights
        canvas += pixels[:, :, None, None]
        return canvas
    canvas[:, 0] = 1
    for i in range(n):
        if method.form in (Form.MASK, Form.SEPARABLE):
            assert isinstance(draws.masks, np.ndarray)
            canvas[i, 0], canvas[i, 1] = draws.masks[i], 1 - draws.masks[i].astype(np.float64)
        elif method.form == Form.PASTE:
            assert draws.regions is not None
            for column, sy, sx, ty, tx, h, w in draws.regions[i]:
                assert 0 <= sy <= sy + h <= height and 0 <= sx <= sx + w <= width
                assert 0 <= ty <= ty + h <= height and 0 <= tx <= tx + w <= width
                canvas[i, :, ty : ty + h, tx : tx + w] = 0
                canvas[i, column, ty : ty + h, tx : tx + w] = 1
        else:
            assert draws.insets is not None and draws.insets.shape[1] == method.inset_count
            assert draws.insets[i, 0, 3:].min() > 0  # DALI cannot resize to nothing
            for column, y, x, h, w in draws.insets[i]:
                assert 0 <= y <= y + h <= height and 0 <= x <= x + w <= width
                canvas[i, :, y : y + h, x : x + w] = 0
                canvas[i, column, y : y + h, x : x + w] = 1
    return canvas


def _lawful(method: Method, n: int, height: int, width: int, seed: int = 0) -> None:
    """What must hold for every draw of every method: label weights are the share of the pixels, exactly."""
    draws = _draw(method, n, height, width, seed)
    assert draws.weights.shape == (n, method.columns) and draws.weights.dtype == np.float64
    assert ((draws.weights >= 0) & (draws.weights <= 1)).all()
    np.testing.assert_allclose(draws.weights.sum(1), 1, atol=1e-12)
    if isinstance(draws.masks, np.ndarray):
        assert draws.masks.shape == (n, height, width)
        assert draws.masks.dtype == (np.uint8 if method.hard else np.float32)
        assert draws.masks.min() >= 0 and draws.masks.max() <= 1
    if draws.boxes is not None:
        y0, x0, y1, x1 = draws.boxes.T
        assert (y0 >= 0).all() and (y0 <= y1).all() and (y1 <= height).all()
        assert (x0 >= 0).all() and (x0 <= x1).all() and (x1 <= width).all()
    pixels = draws.weights if draws.pixel_weights is None else draws.pixel_weights
    painted = _painted(method, draws, height, width)
    np.testing.assert_allclose(painted.sum(1), 1, atol=1e-6)
    np.testing.assert_allclose(painted.mean((2, 3)), pixels, atol=1e-6)


def _mean_is(values: np.ndarray, expected: float, published_error: float = 0.0) -> None:
    """The mean of independent values is `expected`, within 4 standard errors and what the figure was rounded to.

    A true mean fails this with probability 6e-5; seeds are fixed, so it does so always or never.
    """
    values = np.asarray(values, dtype=np.float64)
    error = 4 * values.std(ddof=1) / np.sqrt(len(values))
    assert abs(values.mean() - expected) <= error + published_error, (
        values.mean(),
        expected,
        error,
    )


def _same_mean(ours: np.ndarray, theirs: np.ndarray, explained: float = 0.0) -> None:
    """Two independent samples have the same mean, within 4 standard errors of the difference (probability 6e-5 of
    failing when true) and a difference that the test explains."""
    error = 4 * np.sqrt(np.var(ours, ddof=1) / len(ours) + np.var(theirs, ddof=1) / len(theirs))
    assert abs(np.mean(ours) - np.mean(theirs)) <= error + explained, (np.mean(ours), np.mean(theirs), error)


@pytest.fixture(scope="session")
def draw() -> Callable[..., Draws]:
    return _draw


@pytest.fixture(scope="session")
def painted() -> Callable[..., np.ndarray]:
    return _painted


@pytest.fixture(scope="session")
def lawful() -> Callable[..., None]:
    return _lawful


@pytest.fixture(scope="session")
def mean_is() -> Callable[..., None]:
    return _mean_is


@pytest.fixture(scope="session")
def same_mean() -> Callable[..., None]:
    return _same_mean
