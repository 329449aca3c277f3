"""MixUp beyond the two images: w = lam + e (2 lam - 1), in labels clipped to [0, 1] or, if asked for, not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from nvidia.dali.experimental import dynamic as ndd
from scipy import stats

from dali_mixup import CutMix, MixPlan, MixPolicy, MixUp, Output, Remix, Schedule, UniMix, dynamic
from dali_mixup._apply.validity import SWITCH, refuse_invalid
from dali_mixup._decide.scatter import extended
from dali_mixup.sound import between_class
from tests.fn.test_forms import UNIT, coded, run

N = 50_000
BOTH = [False, True]
REJECT = 1e-3  # of a true law, per test; the seeds are fixed


def plan_of(method: Any, rows: int = 64, **settings: Any) -> MixPlan:
    policy = MixPolicy(method, **{"granularity": "sample", "partners": "derangement"} | settings)
    return policy.plan(rows, 8, 9, seed=3, epoch=0, step=0)


@pytest.mark.parametrize(("alpha", "e"), [(1.0, 0.25), (0.4, 0.5), (2.0, 3.0)])
@pytest.mark.parametrize("labels", BOTH)
def test_the_law_is_the_beta_law_stretched_about_one_half(draw: Any, alpha: float, e: float, labels: bool):
    draws = draw(MixUp(alpha, extrapolate=e, extrapolate_labels=labels), N, 8, 8)
    pixels = draws.weights if draws.pixel_weights is None else draws.pixel_weights
    law = stats.beta(alpha, alpha, loc=-e, scale=1 + 2 * e)
    assert stats.kstest(pixels[:, 0], law.cdf).pvalue > REJECT
    np.testing.assert_allclose(pixels.sum(1), 1, atol=1e-12)
    expected = pixels if labels else np.clip(pixels, 0, 1)
    np.testing.assert_array_equal(draws.weights, expected)
    np.testing.assert_allclose(draws.weights.sum(1), 1, atol=1e-12)
    # As often beyond an image as the beta law has lam below e / (1 + 2 e) or above 1 minus that.
    beyond = ((pixels < 0) | (pixels > 1)).any(1)
    assert beyond.mean() == pytest.approx(2 * stats.beta(alpha, alpha).cdf(e / (1 + 2 * e)), abs=0.01)


def test_other_variants_are_stretched_too(draw: Any) -> None:
    assert draw(MixUp(lam=0.9, extrapolate=0.5), 2, 8, 8).pixel_weights == pytest.approx(
        np.array([[1.3, -0.3]] * 2)
    )
    folded = draw(MixUp(1.0, folded=True, extrapolate=0.5), 2000, 8, 8).pixel_weights[:, 0]
    assert folded.min() >= 0.5 and 1.45 < folded.max() <= 1.5
    law = stats.beta(1.0, 0.2, loc=-0.5, scale=2)
    two = draw(MixUp(1.0, beta=0.2, extrapolate=0.5), N, 8, 8).pixel_weights[:, 0]
    below = two < 1.3  # where a float can tell them apart
    assert stats.kstest(two[below], lambda x: law.cdf(x) / law.cdf(1.3)).pvalue > REJECT
    majority = draw(MixUp(1.0, extrapolate=0.5, label_map="majority"), 2000, 8, 8)
    np.testing.assert_array_equal(majority.weights[:, 0], majority.pixel_weights[:, 0] >= 0.5)


def test_a_scheduled_alpha_keeps_the_extrapolation() -> None:
    schedule = Schedule(alpha=[((0, 1.0), (10, 50.0))])
    policy = MixPolicy(MixUp(0.2, extrapolate=0.5), granularity="sample", schedule=schedule)
    first, last = (policy.plan(4000, seed=0, epoch=epoch, step=0).pixel_weights[:, 0] for epoch in (0, 10))
    assert stats.kstest(first, stats.beta(1, 1, loc=-0.5, scale=2).cdf).pvalue > REJECT
    assert stats.kstest(last, stats.beta(50, 50, loc=-0.5, scale=2).cdf).pvalue > REJECT


@pytest.mark.parametrize("labels", BOTH)
@pytest.mark.parametrize("granularity", ["batch", "pair", "sample"])
def test_every_pixel_and_label_has_its_weight(granularity: Any, labels: bool) -> None:
    """Image i is 1 in channel i and 0 in the others, so that a row shows the weights of all images."""
    method = MixUp(0.4, extrapolate=0.5, extrapolate_labels=labels)
    policy = MixPolicy(method, granularity=granularity, label_smoothing=0.1)
    seen = []
    for pixels, targets in run(coded(6, 8, 9), policy, steps=6, output=UNIT):
        plan = policy.plan(6, 8, 9, seed=3, epoch=0, step=len(seen))
        shown, told = np.zeros((6, 6)), np.zeros((6, 6))
        np.add.at(shown, (np.arange(6)[:, None], plan.partners), plan.pixel_weights)
        weights = plan.pixel_weights if labels else plan.pixel_weights.clip(0, 1)
        np.add.at(told, (np.arange(6)[:, None], plan.partners), weights)
        np.testing.assert_allclose(pixels, np.broadcast_to(shown[:, None, None], pixels.shape), atol=2e-6)
        np.testing.assert_allclose(targets, told * 0.9 + 0.1 / 6, atol=1e-6)
        np.testing.assert_allclose(plan.targets(np.arange(6), 6), targets, atol=1e-6)
        seen.append(shown)
    assert np.min(seen) < -0.1 and np.max(seen) > 1.1


def test_pixels_saturate_only_where_they_are_bytes() -> None:
    images = [np.full((8, 9, 3), level, np.uint8) for level in (200, 20)]
    policy = MixPolicy(MixUp(lam=0.9, extrapolate=0.5), partners="roll")  # weights 1.3 and -0.3
    ((exact, _),) = run(images, policy)
    np.testing.assert_allclose(exact[0], 254, atol=1e-3)
    np.testing.assert_allclose(exact[1], -34, atol=1e-3)
    output = Output(mean=0, std=1, dtype="uint8", channels_last=True)
    ((cut, _),) = run(images, policy, output=output)
    assert cut.dtype == np.uint8 and (cut[0] == 254).all() and (cut[1] == 0).all()
    plan = policy.plan(2, 8, 9, seed=3, epoch=0, step=0)
    batch = ndd.as_batch(np.stack(images), layout="HWC")
    mine, _ = dynamic.mix(batch, np.arange(2), plan, num_classes=2, output=output)
    np.testing.assert_array_equal(mine.cpu().torch().numpy(), cut)
    assert plan.apply(np.stack(images)).dtype == np.float32


@pytest.mark.parametrize("e", [0.25, 0.5, 10.0])
@pytest.mark.parametrize("shift", [-1e-7, 0.0, 1e-7])
def test_an_own_image_of_nearly_no_weight(e: float, shift: float) -> None:
    """The graph divides by the own weight, which crosses 0 at lam = e / (1 + 2 e)."""
    policy = MixPolicy(MixUp(lam=e / (1 + 2 * e) + shift, extrapolate=e), partners="roll")
    images = [np.full((8, 9, 3), level, np.uint8) for level in (200, 20)]
    ((pixels, _),) = run(images, policy, output=Output(mean=(120,) * 3, std=(60,) * 3))
    expected = policy.plan(2, 8, 9, seed=3, epoch=0, step=0).apply(np.stack(images))
    np.testing.assert_allclose(pixels.transpose(0, 2, 3, 1), (expected - 120) / 60, atol=1e-4)
    np.testing.assert_allclose(expected[0], 20, atol=1e-3)


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", ["float32", "uint8"])
def test_the_gpu_mixes_beyond_the_images_too(dtype: Any) -> None:
    policy = MixPolicy(MixUp(0.4, extrapolate=0.5), granularity="sample")
    output = Output(mean=0, std=1, dtype=dtype, channels_last=True)
    for cpu, gpu in zip(
        run(coded(6, 8, 9), policy, steps=3, output=output),
        run(coded(6, 8, 9), policy, steps=3, output=output, device="gpu"),
        strict=True,
    ):
        np.testing.assert_allclose(gpu[0].astype(float), cpu[0], atol=1.0)
        np.testing.assert_allclose(gpu[1], cpu[1], atol=1e-6)


def test_remix_weighs_the_clipped_labels() -> None:
    remix, labels = Remix([900, 100]), np.arange(32) % 2
    settings: dict[str, Any] = {"granularity": "sample", "partners": "flip"}
    method = MixUp(1.0, extrapolate=0.5)
    address: dict[str, Any] = {"seed": 0, "epoch": 0, "step": 0, "labels": labels}
    got = MixPolicy(method, remix=remix, **settings).plan(32, **address)
    plain = MixPolicy(method, **settings).plan(32, **address)
    np.testing.assert_array_equal(got.pixel_weights, plain.pixel_weights)
    wanted = remix(plain.pixel_weights[:, 0].clip(0, 1), labels, labels[::-1])
    np.testing.assert_allclose(got.weights[:, 0], wanted, atol=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"extrapolate": -0.1}, r"MixUp: extrapolate=-0\.1"),
        ({"extrapolate": 10.5}, r"MixUp: extrapolate=10\.5"),
        ({"extrapolate": True}, "MixUp: extrapolate=True"),
        ({"extrapolate": 0.5, "k": 3}, r"k=3 .*extrapolate=0\.5"),
        ({"extrapolate": 0.5, "label_map": "smoothstep"}, r"extrapolate=0\.5 with label_map='smoothstep'"),
        ({"extrapolate": 0.5, "label_map": np.sqrt}, r"extrapolate=0\.5 with label_map"),
        ({"extrapolate_labels": True}, "extrapolate_labels=True with extrapolate=0 "),
        (
            {"extrapolate": 0.5, "extrapolate_labels": True, "label_map": "majority"},
            "extrapolate_labels=True .*label_map='majority'",
        ),
        ({"extrapolate": 0.5, "extrapolate_labels": 1}, "extrapolate_labels=1"),
    ],
)
def test_what_has_no_meaning_is_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        MixUp(**arguments)


@pytest.mark.parametrize(
    ("labels", "settings", "message"),
    [
        (True, {"remix": Remix([9, 1])}, r"remix=.* not possible: .*label weights outside \[0, 1\]"),
        (False, {"unimix": UniMix([9, 1])}, "unimix=.* not possible: .*weights of the pixels itself"),
        (False, {"label_mixing": "union"}, "union' is not possible: .*subtracts images"),
        (True, {"label_mixing": "union"}, "union' is not possible: .*subtracts images"),
    ],
)
def test_policies_that_cannot_weigh_it_are_refused(
    labels: bool, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        MixPolicy([MixUp(1.0, extrapolate=0.5, extrapolate_labels=labels)], **settings)


def test_sounds_of_a_negative_share_are_refused() -> None:
    with pytest.raises(ValueError, match="between_class: the plan extrapolates"):
        between_class(plan_of(MixUp(1.0, extrapolate=0.5), rows=2), np.zeros((2, 5)), np.zeros(2))


class TestTheCheckOfPlans:
    @pytest.fixture(autouse=True)
    def everything_is_checked(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv(SWITCH, "1")

    @pytest.mark.parametrize("labels", BOTH)
    def test_weights_of_such_a_policy_may_be_negative(self, labels: bool) -> None:
        plan = plan_of([MixUp(1.0, extrapolate=0.5, extrapolate_labels=labels), CutMix()])
        assert plan.pixel_weights.min() < 0 and (plan.weights.min() < 0) == labels
        refuse_invalid(plan, 8, 9)
        refuse_invalid(extended(plan, 70, first=2), 8, 9)

    @pytest.mark.parametrize(
        ("methods", "of", "name"),
        [
            ([MixUp(1.0)], 0, "pixel_weights"),
            ([MixUp(1.0, extrapolate=0.5)], 0, "weights"),
            ([MixUp(1.0, extrapolate=0.5, extrapolate_labels=True), CutMix()], 1, "weights"),
            ([MixUp(1.0, extrapolate=0.5), CutMix()], 1, "pixel_weights"),
        ],
    )
    def test_others_may_not(self, methods: list[Any], of: int, name: str) -> None:
        plan = plan_of(methods)
        getattr(plan, name)[np.flatnonzero(plan.method == of)[0]] = 1.25, -0.25
        with pytest.raises(ValueError, match=f"plan has {name} that are negative"):
            refuse_invalid(plan, 8, 9)
