from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from dali_mixup import CutMix, MixPlan, MixPolicy, MixUp
from dali_mixup.sound import between_class, gain


def plan_of(method: Any, rows: int, **address: Any) -> MixPlan:
    policy = MixPolicy(method, granularity="sample", partners="roll")
    return policy.plan(rows, **{"seed": 0, "epoch": 0, "step": 0} | address)


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.RandomState(seed).standard_normal(shape)


def published(first: np.ndarray, second: np.ndarray, r: float, g1: float, g2: float) -> np.ndarray:
    """The paper's formula for one pair, in its own words: t is what it calls p."""
    if r == 0:
        return second
    t = 1.0 / (1 + 10 ** ((g1 - g2) / 20.0) * (1 - r) / r)
    return (first * t + second * (1 - t)) / np.sqrt(t**2 + (1 - t) ** 2)


@given(
    rows=st.integers(1, 5),
    shape=st.sampled_from([(7,), (2, 7), (7, 2)]),
    seed=st.integers(0, 2**31 - 1),
    spread=st.floats(0, 80),
)
def test_every_row_is_the_published_formula(
    rows: int, shape: tuple[int, ...], seed: int, spread: float
) -> None:
    sounds, plan = noise(rows, *shape, seed=seed), plan_of(MixUp(1.0), rows, seed=seed)
    gains = np.random.RandomState(seed).uniform(-spread, 0, rows)
    mixed = between_class(plan, sounds, gains)
    for i, (own, other) in enumerate(plan.partners):
        r = 1.0 if own == other else float(plan.weights[i, 0])
        expected = published(sounds[own], sounds[other], r, gains[own], gains[other])
        np.testing.assert_allclose(mixed[i], expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("r", [0.2, 0.5, 0.9])
def test_sounds_are_heard_in_the_ratio_of_their_labels(r: float) -> None:
    """Two tones, one a hundred times louder: their amplitudes in the mixture are as r to 1 - r."""
    time = np.arange(16000) / 16000
    tones = np.stack([np.sin(2 * np.pi * 1000 * time), 0.01 * np.sin(2 * np.pi * 2000 * time)])
    mixed = between_class(plan_of(MixUp(lam=r), 2), tones, gain(tones, 16000, weighting="none"))
    spectrum = abs(np.fft.rfft(mixed[0]))
    np.testing.assert_allclose(spectrum[1000] / spectrum[2000], r / (1 - r), rtol=1e-3)


@pytest.mark.parametrize("r", [0.1, 0.5, 0.7])
def test_equally_loud_sounds_keep_their_power(r: float) -> None:
    sounds = noise(2, 200_000)
    mixed = between_class(plan_of(MixUp(lam=r), 2), sounds, np.zeros(2))
    # The variance of 200,000 normal numbers has a standard error of 0.3%.
    np.testing.assert_allclose(mixed.var(1), 1, atol=0.015)


@pytest.mark.parametrize("lam", [0.0, 1.0])
def test_ends_are_one_sound_alone(lam: float) -> None:
    sounds = noise(3, 50).astype(np.float32)
    mixed = between_class(plan_of(MixUp(lam=lam), 3), sounds, np.array([-40.0, 0.0, -80.0]))
    np.testing.assert_array_equal(mixed, sounds if lam else np.roll(sounds, 1, axis=0))


def test_labels_keep_the_plans_weights_and_rows_left_alone_their_sound() -> None:
    policy = MixPolicy(MixUp(1.0), granularity="sample", partners="other_class")
    labels = np.array([0, 0, 0, 1])
    plan = policy.plan(4, seed=0, epoch=0, step=0, labels=labels)
    sounds = noise(4, 16000)
    mixed = between_class(plan, sounds, gain(sounds, 16000))
    assert plan.targets(labels, 2).sum() == pytest.approx(4)
    plain = policy.plan(4, seed=0, epoch=0, step=0, labels=np.zeros(4, int))
    np.testing.assert_array_equal(between_class(plain, sounds, np.zeros(4)), sounds)
    assert not np.array_equal(mixed, sounds)


def test_tensors_are_mixed_as_arrays_are_and_gradients_flow() -> None:
    sounds, plan = noise(4, 2, 3000).astype(np.float32), plan_of(MixUp(1.0), 4)
    tensor = torch.from_numpy(sounds).requires_grad_()
    mixed = between_class(plan, tensor, gain(tensor, 16000))
    np.testing.assert_allclose(mixed.detach(), between_class(plan, sounds, gain(sounds, 16000)), atol=1e-5)
    mixed.sum().backward()
    assert tensor.grad is not None and (tensor.grad != 0).all()


def test_half_precision_stays_half() -> None:
    sounds, plan = torch.from_numpy(noise(4, 100)).half(), plan_of(MixUp(1.0), 4)
    mixed = between_class(plan, sounds, np.zeros(4))
    assert mixed.dtype == torch.float16
    np.testing.assert_allclose(
        mixed, between_class(plan, sounds.numpy().astype(np.float64), np.zeros(4)), atol=0.01
    )


def test_partners_beyond_the_batch_have_gains_of_their_own() -> None:
    from dataclasses import replace

    plan = plan_of(MixUp(lam=0.5), 2)
    beyond = replace(plan, partners=np.array([[0, 2], [1, 3]], np.int32))
    sounds, others = noise(2, 64), noise(2, 64, seed=1)
    gains = np.array([0.0, -20.0, -6.0, 0.0])
    mixed = between_class(beyond, sounds, gains, others=others)
    for i in range(2):
        np.testing.assert_allclose(
            mixed[i], published(sounds[i], others[i], 0.5, gains[i], gains[2 + i]), atol=1e-6
        )


@pytest.mark.parametrize(
    ("method", "size"), [(CutMix(), {"height": 1, "width": 32}), (MixUp(1.0, k=3), {})], ids=["CutMix", "k=3"]
)
def test_plans_that_are_not_blends_of_two_are_refused(method: Any, size: dict[str, int]) -> None:
    with pytest.raises(
        ValueError, match=r"between_class: the plan has . sounds per row.* expected a plan of MixUp"
    ):
        between_class(plan_of(method, 4, **size), noise(4, 32), np.zeros(4))


@pytest.mark.parametrize(
    ("gains", "match"),
    [
        (np.zeros(3), r"shape \(3,\), expected \(4,\)"),
        (np.zeros((4, 1)), r"shape \(4, 1\)"),
        (np.array([0, np.nan, 0, 0]), r"gains\[1\] is nan"),
        (torch.tensor([0, 0, 0, float("inf")]), r"gains\[3\] is inf"),
    ],
)
def test_gains_that_fit_no_sound_are_refused(gains: Any, match: str) -> None:
    with pytest.raises(ValueError, match=f"between_class: .*{match}|between_class: {match}"):
        between_class(plan_of(MixUp(1.0), 4), noise(4, 32), gains)


@pytest.mark.parametrize(
    "gains",
    [
        None,
        "abcdef",
        ["1", "2"],
        [[1], [2, 3]],
        np.ones(2) * 1j,
        torch.ones(2) * 1j,
        [True, False],
        torch.ones(2) > 0,
    ],
)
def test_gains_that_are_no_real_numbers_are_refused(gains: Any) -> None:
    with pytest.raises(TypeError, match=r"between_class: gains=.*, expected \(2,\) decibels as real numbers"):
        between_class(plan_of(MixUp(1.0), 2), noise(2, 32), gains)


@pytest.mark.parametrize(
    "gains", [[0, -40], torch.tensor([0, -40]), torch.tensor([0, -40]).bfloat16()], ids=type
)
def test_gains_may_be_real_numbers_of_any_kind(gains: Any) -> None:
    plan, sounds = plan_of(MixUp(1.0), 2), noise(2, 32)
    np.testing.assert_array_equal(
        between_class(plan, sounds, gains), between_class(plan, sounds, np.array([0.0, -40.0]))
    )


@pytest.mark.parametrize("lam", [0.0, 0.5, 1.0])
def test_of_sounds_too_far_apart_for_a_power_of_ten_one_is_heard(lam: float) -> None:
    sounds = noise(2, 32).astype(np.float32)
    mixed = between_class(plan_of(MixUp(lam=lam), 2), sounds, np.array([1e308, -1e308]))
    expected = {0.0: sounds[::-1], 0.5: sounds[[1, 1]], 1.0: sounds}[lam]  # the louder one is turned down
    np.testing.assert_array_equal(mixed, expected)


@pytest.mark.parametrize("plan", [None, MixPolicy(MixUp()), (0, 1)], ids=type)
def test_what_is_no_plan_is_refused(plan: Any) -> None:
    with pytest.raises(TypeError, match=r"between_class: plan=.*, expected a MixPlan of MixUp\(\.\.\.\)"):
        between_class(plan, noise(2, 32), np.zeros(2))


def test_lists_of_unequal_sounds_are_told_to_pad() -> None:
    with pytest.raises(TypeError, match="pad or crop"):
        between_class(plan_of(MixUp(1.0), 2), [np.zeros(3), np.zeros(5)], np.zeros(2))


@pytest.mark.parametrize("others", [5, np.float32(1), [noise(2, 32)], torch.zeros(2, 32)], ids=type)
def test_others_of_another_kind_are_refused(others: Any) -> None:
    with pytest.raises(TypeError, match=r"others is a .*expected a ndarray of float64, as x is"):
        between_class(plan_of(MixUp(1.0), 4), noise(4, 32), np.zeros(6), others=others)


def test_partners_beyond_the_sounds_are_named() -> None:
    """NumPy said that an index is out of bounds."""
    plan = replace(plan_of(MixUp(1.0), 4), partners=np.array([[0, 4], [1, 5], [2, 0], [3, 1]], np.int32))
    sounds = noise(4, 8)
    with pytest.raises(ValueError, match=r"partners beyond its 4 rows, up to row 5.*pass them as others="):
        between_class(plan, sounds, np.zeros(4))
    with pytest.raises(ValueError, match=r"up to row 5.*others= has only 1"):
        between_class(plan, sounds, np.zeros(5), others=noise(1, 8))
    with pytest.raises(ValueError, match=r"MixPlan.targets: .*pass them as others="):
        plan.targets(np.arange(4), 4)
    with pytest.raises(ValueError, match=r"MixPlan.targets: .*others= has only 1"):
        plan.targets(torch.arange(4), 4, others=torch.arange(1))
