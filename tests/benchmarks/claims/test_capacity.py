"""What the claims about capacity and weight decay compute from what they measured."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from scipy import integrate, stats

from benchmarks.claims.digits import Digits
from benchmarks.claims.zhang.capacity import Capacity, named, partner_share
from benchmarks.claims.zhang.weight_decay import WeightDecay


@pytest.mark.parametrize("alpha", [0.2, 1.0, 8.0])
def test_the_partners_share_is_the_integral(alpha: float) -> None:
    law = stats.beta(alpha, alpha)
    half, _ = integrate.quad(lambda lam: lam * law.pdf(lam), 0, 0.5)
    assert partner_share(alpha) == pytest.approx(2 * half, rel=1e-4)
    assert partner_share(0) == 0.0


def test_the_gain_is_over_erm_of_the_same_width_and_length(all_digits: Digits) -> None:
    claim = Capacity()
    training = replace(claim.training, train=60, batch_size=30)
    small = replace(claim, training=training, alphas=(1.0, 8.0), widths=(4, 16), lengths=(2, 6))
    found = small.measure(1000, all_digits)
    for width in small.widths:
        for length in small.lengths:
            erm = found.arms[named(0, width, length)]
            assert "gain" not in erm
            for place, alpha in enumerate(small.alphas, 1):
                arm = found.arms[named(alpha, width, length)]
                assert arm["gain"] == erm["test error"] - arm["test error"]
                assert arm["gap"] == arm["test error"] - arm["train error"]
                curve = found.curves["gap"][f"width {width}, {length} epochs"]
                assert (curve.x[place], curve.y[place]) == (partner_share(alpha), arm["gap"])


def test_the_decay_is_chosen_on_other_digits_and_the_smaller_of_equals() -> None:
    claim = WeightDecay(decays=(1e-4, 1e-3, 1e-2))

    def scores(errors: tuple[float, ...], nlls: tuple[float, ...]) -> dict[str, dict[str, float]]:
        return {
            f"ERM, {decay:g}": {"test error": error, "NLL": nll}
            for decay, error, nll in zip(claim.decays, errors, nlls, strict=True)
        }

    test = scores((9.0, 8.0, 5.0), (0.5, 0.3, 0.1))
    others = scores((7.0, 6.0, 6.0), (0.4, 0.6, 0.2))
    chosen = claim._chosen("ERM", test, others)
    assert (chosen["decay by error"], chosen["test error"], chosen["cost of the smallest"]) == (
        -3.0,
        8.0,
        1.0,
    )
    assert (chosen["decay by NLL"], chosen["NLL"]) == (-2.0, 0.1)
    assert math.isclose(chosen["NLL cost of the smallest"], 0.4)
