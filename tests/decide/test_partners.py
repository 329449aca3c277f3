"""Partner rules: their laws, by counting."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from dali_mixup._decide.from_data import Neighbours
from dali_mixup._decide.partners import Pool, as_rule
from dali_mixup._decide.policy import MixPolicy
from dali_mixup._decide.remix import Remix
from dali_mixup._decide.unimix import UniMix
from dali_mixup._decide.unlabelled import Unlabelled
from dali_mixup.methods import MixUp
from tests.plans import plan


def columns(name: str, *arguments: Any) -> np.ndarray:
    return as_rule("test", name).columns(*arguments)


class TestPartners:
    LABELS = np.array([0, 1, 0, 2, 1, 0, 3])

    def test_same_class_draws_the_others_of_the_class_equally_often(self) -> None:
        table = np.stack(
            [columns("same_class", np.random.RandomState(s), 7, 1, self.LABELS)[:, 0] for s in range(3000)]
        )
        assert (self.LABELS[table] == self.LABELS).all()
        assert (table[:, 3] == 3).all() and (table[:, 6] == 6).all()  # alone in their classes
        for row, others in ((0, [2, 5]), (1, [4]), (2, [0, 5]), (5, [0, 2])):
            counts = [(table[:, row] == other).sum() for other in others]
            assert sum(counts) == 3000 and (len(counts) == 1 or stats.chisquare(counts).pvalue > 1e-4)

    def test_other_class_draws_the_rows_outside_equally_often(self) -> None:
        table = np.stack(
            [columns("other_class", np.random.RandomState(s), 7, 1, self.LABELS)[:, 0] for s in range(6000)]
        )
        assert (self.LABELS[table] != self.LABELS).all()
        for row in range(7):
            counts = [
                (table[:, row] == other).sum() for other in np.flatnonzero(self.LABELS[row] != self.LABELS)
            ]
            assert sum(counts) == 6000 and stats.chisquare(counts).pvalue > 1e-5
        assert columns("other_class", np.random.RandomState(0), 3, 1, np.zeros(3))[:, 0].tolist() == [0, 1, 2]

    def test_rows_without_a_partner_are_left_alone_and_counted(self) -> None:
        policy = MixPolicy(MixUp(1.0), partners="same_class", granularity="sample")
        got = plan(policy, 7, labels=self.LABELS)
        assert got.unpartnered == 2 and np.flatnonzero(~got.mixed).tolist() == [3, 6]
        with pytest.raises(ValueError, match="need labels"):
            plan(policy, 7)

    @pytest.mark.parametrize(
        "given", [LABELS[:, None], LABELS.tolist(), np.append(LABELS, -1).astype(np.int8)]
    )
    @pytest.mark.parametrize("partners", ["same_class", "other_class"])
    def test_ids_may_be_as_dalis_readers_give_them_or_more_than_the_rows(
        self, given: Any, partners: Any
    ) -> None:
        """Ids (N, 1) named rows of uninitialised memory."""
        policy = MixPolicy(MixUp(1.0), partners=partners, granularity="sample")
        for step in range(20):
            expected = plan(policy, 7, step, labels=self.LABELS).partners
            assert np.array_equal(plan(policy, 7, step, labels=given).partners, expected)

    @pytest.mark.parametrize(
        ("given", "message"),
        [
            (LABELS.astype(np.float32), r"shape \(7,\) and type float32.*integer class ids"),
            (
                np.eye(7, dtype=np.int64),
                r"shape \(7, 7\).*expected integer class ids, \(rows,\) or \(rows, 1\)",
            ),
            (np.int64(3), r"shape \(\)"),
            (LABELS[:5], r"shape \(5,\) for 7 rows; expected one for every row"),
            (LABELS - 1, "class id -1; expected ids >= 0"),
        ],
    )
    @pytest.mark.parametrize(
        "by_class", [{"partners": "same_class"}, {"remix": Remix([3] * 4)}, {"unimix": UniMix([3] * 4)}]
    )
    def test_labels_that_are_no_ids_of_the_rows_are_refused(
        self, by_class: dict[str, Any], given: Any, message: str
    ) -> None:
        with pytest.raises(ValueError, match=message):
            plan(MixPolicy(MixUp(1.0), **by_class), 7, labels=given)

    @pytest.mark.parametrize("rule", ["remix", "unimix"])
    def test_a_class_without_a_count_is_refused(self, rule: str) -> None:
        counts: Any = {"remix": Remix([3, 1]), "unimix": UniMix([3, 1])}[rule]
        policy = MixPolicy(MixUp(1.0), **{rule: counts})
        assert len(plan(policy, 4, labels=np.array([0, 1, 1, 0]))) == 4
        with pytest.raises(
            ValueError, match=r"class id 3, but .* has counts of 2 classes; give one count per"
        ):
            plan(policy, 4, labels=np.array([0, 1, 3, 0]))

    def test_at_256_rows_of_1000_classes_few_find_a_partner(self) -> None:
        """1 - (1 - 1/1000)^255 = 22.5%; 4 standard errors over 200 batches."""
        policy = MixPolicy(MixUp(1.0), partners="same_class")
        rng = np.random.RandomState(0)
        found = [
            1 - plan(policy, 256, s, labels=rng.randint(0, 1000, 256)).unpartnered / 256 for s in range(200)
        ]
        assert np.mean(found) == pytest.approx(0.225, abs=4 * np.std(found) / np.sqrt(200))

    def test_a_derangement_has_no_fixed_point_and_is_uniform(self) -> None:
        drawn = [tuple(columns("derangement", np.random.RandomState(s), 4, 1)[:, 0]) for s in range(4500)]
        assert all((np.array(d) != np.arange(4)).all() for d in drawn)
        _, counts = np.unique(drawn, axis=0, return_counts=True)
        assert len(counts) == 9 and stats.chisquare(counts).pvalue > 1e-4  # D(4) = 9

    def test_permutation_draws_one_row_itself_on_average(self) -> None:
        own = [
            (columns("permutation", np.random.RandomState(s), 8, 1)[:, 0] == np.arange(8)).sum()
            for s in range(4000)
        ]
        assert np.mean(own) == pytest.approx(1, abs=4 / np.sqrt(4000))

    def test_roll_is_torchvisions_and_flip_is_timms(self) -> None:
        import torch

        x = torch.arange(5)
        rng = np.random.RandomState(0)
        assert columns("roll", rng, 5, 2).tolist() == torch.stack([x.roll(1), x.roll(2)], 1).tolist()
        assert columns("flip", rng, 5, 1)[:, 0].tolist() == x.flip(0).tolist()

    def test_columns_are_independent_permutations(self) -> None:
        table = columns("permutation", np.random.RandomState(0), 50, 3)
        assert all(sorted(table[:, j]) == list(range(50)) for j in range(3))
        assert (table[:, 0] == table[:, 1]).mean() < 0.2

    def test_a_pool_reaches_beyond_the_batch(self) -> None:
        policy = MixPolicy(MixUp(1.0), partners=Pool(Unlabelled("folder")))
        others = np.arange(4, 12)
        seen = np.concatenate([plan(policy, 4, s, others=others).partners[:, 1] for s in range(200)])
        assert set(seen) == set(range(12))

    def test_neighbours_are_the_rows_that_the_loader_read_for_each(self) -> None:
        policy = MixPolicy(MixUp(1.0, k=3), partners=Neighbours(np.zeros((9, 2), np.int64)))
        others = np.array([[4, 5], [6, 7], [8, 9], [10, 11]])
        got = plan(policy, 4, others=others).partners
        assert got[:, 0].tolist() == [0, 1, 2, 3] and np.array_equal(got[:, 1:], others)

    @pytest.mark.parametrize(
        ("partners", "others"),
        [
            (Pool(Unlabelled("folder")), None),
            (Neighbours([[0]]), None),
            ("permutation", np.array([[1], [0]])),
        ],
    )
    def test_rows_beyond_the_batch_go_with_the_rules_that_need_them(self, partners: Any, others: Any) -> None:
        with pytest.raises(ValueError, match="rows beyond the batch belong to Balanced, LabelDistance"):
            plan(MixPolicy(MixUp(), partners=partners), 2, others=others)
