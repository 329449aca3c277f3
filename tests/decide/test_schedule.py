"""Schedules and alternation: mixing acts on exactly the batches they name."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dali_mixup._decide.alternation import Alternation
from dali_mixup._decide.policy import MixPolicy
from dali_mixup._decide.schedule import Schedule
from dali_mixup.methods import CutMix, FMix, Method, MixUp, ResizeMix, TokenMix
from tests.plans import plan


class TestSchedules:
    POLICY = MixPolicy(MixUp(1.0), schedule=Schedule(start=2, stop=5))

    def test_mixing_is_on_from_start_until_before_stop(self) -> None:
        on = [plan(self.POLICY, epoch=epoch).mixed.any() for epoch in range(8)]
        assert on == [False, False, True, True, True, False, False, False]

    def test_fractional_epochs_switch_inside_an_epoch(self) -> None:
        policy = MixPolicy(MixUp(1.0), partners="flip", schedule=Schedule(stop=1.5))
        on = [
            policy.plan(2, 8, 8, seed=0, epoch=1, step=s, steps_per_epoch=10).mixed.any() for s in range(10)
        ]
        assert on == [True] * 5 + [False] * 5
        with pytest.raises(ValueError, match="give steps_per_epoch"):
            policy.plan(2, 8, 8, seed=0, epoch=1, step=0)

    @pytest.mark.parametrize(
        "schedule",
        [
            Schedule(start=5, stop=7.5),
            (Schedule(start=3), Schedule(stop=7.5)),
            Schedule(stop=700, unit="step"),
        ],
    )
    def test_missing_steps_are_missed_in_the_first_epoch(self, schedule: Any) -> None:
        with pytest.raises(ValueError, match="give steps_per_epoch"):
            MixPolicy(MixUp(1.0), schedule=schedule).plan(2, 8, 8, seed=0, epoch=0, step=0)

    @given(stop=st.floats(0, 6, exclude_min=True), steps=st.integers(1, 50))
    def test_a_fractional_stop_keeps_exactly_the_batches_before_it(self, stop: float, steps: int) -> None:
        policy = MixPolicy(MixUp(1.0), partners="flip", schedule=Schedule(stop=stop))
        for epoch in range(7):
            for step in {0, steps // 2, steps - 1}:
                on = policy.schedule.active(epoch, step, steps)
                position = epoch + step / steps
                assert on == (position < stop) or abs(position - stop) < 1e-6

    def test_steps_and_fractions_of_the_training(self) -> None:
        by_step = Schedule(start=3, stop=12, unit="step")
        assert [by_step.active(e, s, 10) for e, s in ((0, 2), (0, 3), (1, 1), (1, 2))] == [
            False,
            True,
            True,
            False,
        ]
        half = Schedule(stop=0.5, unit="fraction", total_epochs=10)
        assert half.active(4, 99, None) and not half.active(5, 0, None)

    @given(hundredths=st.integers(0, 99), epochs=st.integers(1, 600))
    @example(hundredths=29, epochs=100)
    @example(hundredths=7, epochs=100)  # 7.000000000000001
    def test_a_whole_epoch_needs_no_steps_per_epoch(self, hundredths: int, epochs: int) -> None:
        """Though 0.29 * 100 is 28.999999999999996."""
        schedule = Schedule(start=hundredths / 100, unit="fraction", total_epochs=epochs)
        first, inside = divmod(hundredths * epochs, 100)
        if inside:
            with pytest.raises(ValueError, match="lies inside an epoch; give steps_per_epoch"):
                schedule.active(first, 0, None)
        else:
            assert [schedule.active(epoch, 0, None) for epoch in (max(0, first - 1), first)] == [
                first == 0,
                True,
            ]

    @given(
        hundredths=st.integers(0, 99),
        epochs=st.integers(1, 1000),
        steps=st.integers(1, 50_000),
    )
    @example(hundredths=88, epochs=763, steps=45_700)  # 30684808.000000004
    def test_a_fraction_begins_at_exactly_its_step(self, hundredths: int, epochs: int, steps: int) -> None:
        schedule = Schedule(start=hundredths / 100, unit="fraction", total_epochs=epochs)
        first = -(-hundredths * epochs * steps // 100)
        assert schedule.active(*divmod(first, steps), steps)
        assert first == 0 or not schedule.active(*divmod(first - 1, steps), steps)

    def test_the_draws_after_a_start_are_those_of_a_policy_without_schedule(self) -> None:
        free = plan(MixPolicy(MixUp(1.0)), epoch=3)
        assert np.array_equal(free.weights, plan(self.POLICY, epoch=3).weights)

    def test_alpha_prob_and_weights_follow_the_epoch(self) -> None:
        policy = MixPolicy(
            [MixUp(1.0), CutMix(1.0)],
            granularity="sample",
            partners="flip",
            schedule=Schedule(
                prob=((0, 1.0), (10, 0.0)),
                weights=[1.0, lambda epoch: 0.0 if epoch < 5 else 1e9],
                alpha=[lambda epoch: 1000.0, None],
            ),
        )
        early = [plan(policy, 100, epoch=0, step=s) for s in range(10)]
        assert all((p.method == 0).all() for p in early)
        assert np.concatenate([p.weights[:, 0] for p in early]) == pytest.approx(0.5, abs=0.1)
        halfway = np.concatenate([plan(policy, 100, epoch=5, step=s).method for s in range(20)])
        assert set(halfway) == {-1, 1} and (halfway == 1).mean() == pytest.approx(
            0.5, abs=4 * 0.5 / np.sqrt(2000)
        )
        assert not plan(policy, 100, epoch=11).mixed.any()

    def test_a_function_out_of_range_is_named_with_its_epoch(self) -> None:
        policy = MixPolicy(MixUp(), schedule=Schedule(prob=lambda epoch: 0.5 + epoch))
        plan(policy, epoch=0)
        with pytest.raises(ValueError, match=r"schedule.prob in epoch 1=1.5"):
            plan(policy, epoch=1)

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"start": -1}, "start=-1"),
            ({"start": 3, "stop": 2}, "stop=2 is not after start=3, so mixing would never be on"),
            ({"stop": 0}, "stop=0 is not after start=0, .* or no stop for mixing to the end"),
            ({"start": 7, "stop": 7, "unit": "step"}, "stop=7 is not after start=7"),
            ({"unit": "days"}, "'days'.*'epoch'"),
            ({"unit": "fraction"}, "total_epochs"),
            ({"total_epochs": 3}, "unit='fraction'"),
            ({"unit": "fraction", "stop": 1.5, "total_epochs": 3}, "<= 1"),
            (
                {"unit": "fraction", "start": 1.0, "total_epochs": 3},
                "start=1.0, expected a number >= 0 and < 1",
            ),
            ({"prob": ((3, 1.0), (1, 0.0))}, "in order of epoch"),
            ({"prob": "often"}, "not a curve"),
            ({"alpha": [-2.0]}, "-2"),
            ({"prob": 1.5}, "prob=1.5, expected a number >= 0 and <= 1"),
            ({"prob": [(0, 0.0), (2, 1.5)]}, "prob: value of a knot=1.5, expected a number >= 0 and <= 1"),
            ({"weights": [[(0, 1.0), (2, -1.0)]]}, "weights: value of a knot=-1.0, expected a number >= 0"),
            ({"prob": [(-1, 0.5)]}, "prob: epoch of a knot=-1, expected a number >= 0"),
        ],
    )
    def test_bad_schedules_are_refused(self, arguments: dict, message: str) -> None:
        with pytest.raises((TypeError, ValueError), match=message):
            Schedule(**arguments)

    def test_schedules_that_do_not_fit_the_methods_are_refused(self) -> None:
        with pytest.raises(ValueError, match="2 curves for 1 methods"):
            MixPolicy(MixUp(), schedule=Schedule(alpha=[1.0, 1.0]))
        with pytest.raises(ValueError, match="alpha=0"):
            MixPolicy(MixUp(), schedule=Schedule(alpha=[0.0]))
        with pytest.raises(
            ValueError, match=r"schedule.alpha\[1\]=\(.*\): CutMix: alpha=0.0, expected a number > 0"
        ):
            MixPolicy([MixUp(), CutMix()], schedule=Schedule(alpha=[None, [(0, 1.0), (2, 0.0)]]))

    @pytest.mark.parametrize(
        ("unused", "used"),
        [
            (MixUp(lam=0.5), MixUp()),
            (FMix(lam=0.3), FMix()),
            (TokenMix(), TokenMix(lam=None)),
            (ResizeMix(), ResizeMix(law="mmpretrain")),
            (ResizeMix("openmixup"), ResizeMix(law="mmpretrain")),
            (CutMix(minmax=(0.1, 0.3)), CutMix()),
        ],
        ids=str,
    )
    def test_an_alpha_that_changes_nothing_is_refused(self, unused: Method, used: Method) -> None:
        schedule = Schedule(alpha=[((0, 0.1), (10, 1.0))])
        with pytest.raises(ValueError, match=r"schedule.alpha is set for .* leave alpha without effect"):
            MixPolicy(unused, schedule=schedule)
        drawn = [plan(MixPolicy(used, schedule=schedule), epoch=epoch).weights for epoch in (0, 10)]
        assert not np.array_equal(*drawn)

    @pytest.mark.parametrize(
        ("weights", "epoch"),
        [
            ([[(0, 1.0), (2, 0.0)], 0.0], 2),
            ([[(0, 1.0), (2, 0.0)], [(2, 0.0), (5, 1.0)]], 2),
            ([[(0, 1.0), (7, 0.0)], [(3, 1.0), (5, 0.0)]], 7),
            ([0.0, 0.0], 0),
        ],
    )
    def test_weights_that_are_all_zero_later_are_refused_at_once(self, weights: list, epoch: int) -> None:
        with pytest.raises(ValueError, match=rf"are all zero in epoch {epoch}; expected at least one > 0"):
            MixPolicy([MixUp(), CutMix()], schedule=Schedule(weights=weights))

    def test_weights_that_take_turns_are_not(self) -> None:
        turns = Schedule(weights=[[(0, 1.0), (5, 0.0)], [(0, 0.0), (5, 1.0)]])
        policy = MixPolicy([MixUp(1.0), CutMix(1.0)], granularity="sample", partners="flip", schedule=turns)
        assert [set(plan(policy, 50, epoch=epoch).method) for epoch in (0, 3, 5, 9)] == [
            {0},
            {0, 1},
            {1},
            {1},
        ]
        later = Schedule(weights=[[(0, 1.0), (5, 0.0)], lambda epoch: float(epoch >= 5)])
        assert set(plan(replace(policy, schedule=later), 50, epoch=5).method) == {1}


class TestRegimes:
    def test_clean_steps_are_equal_on_all_ranks_or_drawn_by_each(self) -> None:
        for per_rank in (False, True):
            policy = MixPolicy(MixUp(1.0), partners="flip", alternation=Alternation(0.5, per_rank))
            regimes = np.array([[plan(policy, 2, s, rank=r).regime for s in range(200)] for r in (0, 1)])
            assert (regimes[0] == regimes[1]).all() != per_rank
            assert (regimes == "clean").mean() == pytest.approx(0.5, abs=4 * 0.5 / np.sqrt(200))
            for s in range(20):
                got = plan(policy, 2, s)
                assert got.mixed.all() == (got.regime == "mixed")

    def test_schedules_nest(self) -> None:
        policy = MixPolicy(
            [MixUp(1.0)], partners="flip", schedule=[Schedule(start=2, prob=lambda e: 1.0), Schedule(stop=4)]
        )
        assert [plan(policy, epoch=e).regime for e in range(6)] == [
            "off",
            "off",
            "mixed",
            "mixed",
            "off",
            "off",
        ]
        for late, early, message in (
            (Schedule(start=4), Schedule(stop=4), "one starts at epoch 4 and another stops at 4"),
            (
                Schedule(start=9, unit="step"),
                Schedule(stop=5, unit="step"),
                "starts at step 9 and another stops at 5",
            ),
            (
                Schedule(start=6),
                Schedule(stop=0.5, unit="fraction", total_epochs=10),
                "starts at epoch 6 .* stops at 5",
            ),
        ):
            with pytest.raises(ValueError, match=message):
                MixPolicy(MixUp(), schedule=[late, early])
        MixPolicy(
            MixUp(), schedule=[Schedule(start=9), Schedule(stop=5, unit="step")]
        )  # an epoch may be long
        with pytest.raises(ValueError, match="two schedules set prob"):
            MixPolicy(MixUp(), schedule=[Schedule(prob=0.5), Schedule(prob=0.7)])
        with pytest.raises(TypeError, match="expected a Schedule or several"):
            MixPolicy(MixUp(), schedule=["warm-up"])
