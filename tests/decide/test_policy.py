"""Policies: pure plans, the published laws, and every corner case by name.

Statistical tests have fixed seeds; each states how often a right implementation would fail it by chance.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from timm.data.mixup import Mixup as TimmMixup

from dali_mixup._decide.policy import GRANULARITIES, MixPolicy
from dali_mixup.methods import CutMix, Form, MixUp
from tests.plans import SIZE, plan

GOLDEN = {
    "partners": [5, 3, 4, 0, 2, 1],
    "method": [0, 0, 1, 1, 1, 0],
    "boxes": [
        [0, 0, 0, 0],
        [0, 0, 0, 0],
        [175, 131, 224, 222],
        [0, 0, 144, 147],
        [33, 0, 224, 154],
        [0, 0, 0, 0],
    ],
    "lam": [
        0.8549952507019043,
        0.8529736399650574,
        0.9111328125,
        0.578125,
        0.4137834906578064,
        0.7097488641738892,
    ],
}


def lams(policy: MixPolicy, count: int, rows: int = 2, **size: int) -> np.ndarray:
    """lam of the first row of `count` batches."""
    return np.array([plan(policy, rows, step, **size).weights[0, 0] for step in range(count)])


class TestPurity:
    def test_golden_plan_is_the_same_on_every_machine_and_numpy_version(self) -> None:
        policy = MixPolicy([MixUp(0.8), CutMix(1.0)], granularity="sample", prob=0.9)
        got = plan(policy, 6, seed=42, rank=1, epoch=3, step=9)
        assert got.partners[:, 1].tolist() == GOLDEN["partners"]
        assert got.method.tolist() == GOLDEN["method"]
        assert got.boxes.tolist() == GOLDEN["boxes"]
        assert got.weights[:, 0].tolist() == pytest.approx(GOLDEN["lam"], rel=1e-6)

    @pytest.mark.parametrize("granularity", GRANULARITIES)
    def test_same_address_same_plan_and_any_other_address_another(self, granularity: str) -> None:
        policy = MixPolicy([MixUp(0.8), CutMix(1.0)], granularity=granularity)
        first, again = plan(policy, rank=1, epoch=2, step=3), plan(policy, rank=1, epoch=2, step=3)
        assert all(
            np.array_equal(getattr(first, f), getattr(again, f)) for f in ("partners", "weights", "boxes")
        )
        others = [{"seed": 1}, {"rank": 2}, {"epoch": 3}, {"step": 4}]
        for change in others:
            other = plan(policy, **({"rank": 1, "epoch": 2, "step": 3} | change))
            assert not np.array_equal(first.weights, other.weights), change

    def test_ranks_draw_independently(self) -> None:
        policy = MixPolicy(MixUp(1.0))
        draws = [[plan(policy, 2, step, rank=rank).weights[0, 0] for step in range(300)] for rank in (0, 1)]
        assert abs(np.corrcoef(draws)[0, 1]) < 0.2  # 3.5 standard errors: fails by chance 5 times in 10,000

    def test_importing_decisions_loads_neither_dali_nor_torch(self) -> None:
        import subprocess
        import sys

        code = (
            "import sys, dali_mixup, dali_mixup._decide.policy, dali_mixup._epochs.layout, dali_mixup._loader.batches;"
            "assert not {'torch', 'nvidia'} & {m.split('.')[0] for m in sys.modules}, 'heavy'"
        )
        subprocess.run([sys.executable, "-c", code], check=True)


class TestLaws:
    @pytest.mark.parametrize("alpha", [0.1, 0.2, 0.8, 1.0, 8.0])
    def test_mixup_lam_is_beta(self, alpha: float) -> None:
        got = MixUp(alpha).draw(np.random.RandomState(0), 20_000, 4, 4).weights[:, 0]
        assert stats.kstest(got, stats.beta(alpha, alpha).cdf).pvalue > 1e-4  # fails by chance 1 in 10,000

    @pytest.mark.parametrize(
        ("method", "mean", "sd"),
        [
            (CutMix(1.0), 0.6818, 0.1882),
            (CutMix(0.2), 0.7044, None),
            (CutMix(minmax=(0.2, 0.8)), 0.7547, 0.1256),
        ],
    )
    def test_cutmix_lam_has_timms_moments(self, method: CutMix, mean: float, sd: float | None) -> None:
        """Reference: 200,000 draws of timm 1.0.31 at 224 pixels. Four standard errors: 1 in 15,000 by chance."""
        got = method.draw(np.random.RandomState(1), 50_000, SIZE, SIZE).weights[:, 0]
        assert abs(got.mean() - mean) < 4 * got.std() * np.sqrt(1 / 50_000 + 1 / 200_000) + 5e-5
        if sd is not None:
            assert abs(got.std() - sd) < 0.003

    def test_cutmix_mean_agrees_with_the_closed_form(self) -> None:
        """E[1 - lam] = 1/2 - 1/2 B(a + 3/2, a) / B(a, a) + (a + 1) / (32 (2a + 1)) for continuous boxes; whole pixels
        shift it by less than 0.002 at 1000 pixels."""
        from scipy.special import beta

        for a in (0.8, 2.0):
            got = CutMix(a).draw(np.random.RandomState(2), 50_000, 1000, 1000).weights[:, 1].mean()
            expected = 0.5 - 0.5 * beta(a + 1.5, a) / beta(a, a) + (a + 1) / (32 * (2 * a + 1))
            assert got == pytest.approx(expected, abs=0.002 + 4 * 0.19 / np.sqrt(50_000))

    def test_cutmix_paste_map_centre_and_corner(self) -> None:
        """P(pasted) at the centre 0.495, at the corner 0.126 (timm 1.0.31, alpha 1, 224 pixels); 4 s.e."""
        boxes = CutMix(1.0).draw(np.random.RandomState(3), 20_000, SIZE, SIZE).boxes
        for (y, x), expected in {
            (112, 112): 0.495,
            (0, 0): 0.126,
            (223, 223): 0.126,
            (0, 223): 0.126,
        }.items():
            inside = (boxes[:, 0] <= y) & (y < boxes[:, 2]) & (boxes[:, 1] <= x) & (x < boxes[:, 3])
            assert abs(inside.mean() - expected) < 4 * np.sqrt(expected * (1 - expected) / 20_000) + 0.0005

    def test_minmax_boxes_reach_every_border_and_never_leave(self) -> None:
        boxes = CutMix(minmax=(0.2, 0.8)).draw(np.random.RandomState(4), 20_000, 40, 60).boxes
        assert boxes[:, :2].min() == 0 and boxes[:, 2].max() == 40 and boxes[:, 3].max() == 60
        heights, widths = boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1]
        assert (heights.min(), heights.max()) == (8, 31) and (widths.min(), widths.max()) == (12, 47)
        assert abs(np.corrcoef(heights, widths)[0, 1]) < 0.03  # drawn separately; 4 s.e.

    def test_box_centres_are_drawn_separately_in_both_directions(self) -> None:
        boxes = CutMix(minmax=(0.3, 0.31)).draw(np.random.RandomState(5), 20_000, 100, 100).boxes
        assert abs(np.corrcoef(boxes[:, 0], boxes[:, 1])[0, 1]) < 0.03

    @pytest.mark.parametrize("granularity", GRANULARITIES)
    def test_the_mixed_share_is_prob(self, granularity: str) -> None:
        policy = MixPolicy([MixUp(1.0)], prob=0.3, granularity=granularity, partners="flip")
        mixed = [plan(policy, 8, step).mixed.mean() for step in range(800)]
        decisions = 800 * {"batch": 1, "pair": 4, "sample": 8}[granularity]
        assert np.mean(mixed) == pytest.approx(0.3, abs=4 * np.sqrt(0.21 / decisions))

    def test_methods_are_chosen_by_their_weights(self) -> None:
        policy = MixPolicy([MixUp(1.0), CutMix(1.0)], weights=[1, 3], granularity="sample", partners="flip")
        chosen = np.concatenate([plan(policy, 20, step).method for step in range(200)])
        assert (chosen == 1).mean() == pytest.approx(0.75, abs=4 * np.sqrt(0.1875 / 4000) + 0.002)

    def test_batch_lam_is_shared_and_sample_lam_is_not(self) -> None:
        for granularity, distinct in (("batch", 1), ("pair", 4), ("sample", 8)):
            got = plan(MixPolicy(MixUp(1.0), granularity=granularity, partners="flip")).weights[:, 0]
            assert len(set(got.tolist())) == distinct


class TestTimm:
    @pytest.mark.parametrize("mode", ["batch", "pair", "elem"])
    @pytest.mark.parametrize(
        "arguments", [{"mixup_alpha": 0.8, "cutmix_alpha": 1.0}, {"cutmix_minmax": (0.2, 0.8)}]
    )
    def test_label_weights_are_distributed_as_timms(self, mode: str, arguments: dict) -> None:
        """Two-sample KS on lam of row 0 over 1,500 batches each: fails by chance 1 in 10,000."""
        count = 1500
        policy = MixPolicy.from_timm(mode=mode, prob=0.9, label_smoothing=0.0, **arguments)
        theirs = TimmMixup(mode=mode, prob=0.9, label_smoothing=0.0, num_classes=2, **arguments)
        np.random.seed(7)
        import torch

        labels = torch.tensor([0, 1])
        reference = [theirs(torch.zeros(2, 1, 32, 32), labels)[1][0, 0].item() for _ in range(count)]
        assert stats.ks_2samp(lams(policy, count, height=32, width=32), reference).pvalue > 1e-4

    @given(eps=st.sampled_from([0.0, 0.1, 0.3]), lam=st.floats(0, 1), classes=st.integers(2, 9))
    def test_targets_are_timms_for_the_same_lam(self, eps: float, lam: float, classes: int) -> None:
        import torch
        from timm.data.mixup import mixup_target

        from dali_mixup.targets import MixedTargets

        labels = torch.tensor([0, 1, 1, classes - 1])
        weights = torch.tensor([[lam, 1 - lam]] * 4, dtype=torch.float32)
        ours = MixedTargets(torch.stack([labels, labels.flip(0)], 1), weights, eps).dense(classes)
        assert torch.allclose(ours, mixup_target(labels, classes, lam, eps), atol=1e-6)

    def test_an_alpha_of_zero_leaves_a_method_out(self) -> None:
        assert MixPolicy.from_timm(0.8, 0.0).methods == (MixUp(0.8),)
        assert MixPolicy.from_timm(0.0, 1.0).methods == (CutMix(1.0),)
        assert MixPolicy.from_timm(0.8, 1.0, switch_prob=0.3).weights == pytest.approx((0.7, 0.3))
        with pytest.raises(ValueError, match="leave nothing to mix"):
            MixPolicy.from_timm(0.0, 0.0)
        with pytest.raises(ValueError, match=r"'half'.*'batch', 'pair', 'elem'"):
            MixPolicy.from_timm(0.8, mode="half")


class TestCorners:
    def test_one_row_is_left_alone(self) -> None:
        for granularity in GRANULARITIES:
            for partners in ("permutation", "derangement", "flip"):
                got = plan(MixPolicy([MixUp(), CutMix()], granularity=granularity, partners=partners), 1)
                assert got.method.tolist() == [-1] and got.weights.tolist() == [[1, 0]]
                assert got.form.tolist() == [Form.NONE] and got.partners.tolist() == [[0, 0]]

    @given(rows=st.integers(1, 9), granularity=st.sampled_from(GRANULARITIES), step=st.integers(0, 50))
    def test_any_number_of_rows_has_partners_among_them(self, rows: int, granularity: str, step: int) -> None:
        got = plan(MixPolicy([MixUp(0.4), CutMix()], granularity=granularity), rows, step)
        assert len(got) == rows and ((got.partners >= 0) & (got.partners < rows)).all()
        assert (got.partners[:, 0] == np.arange(rows)).all()
        assert np.allclose(got.weights.sum(1), 1, atol=1e-6) and (got.weights >= 0).all()
        if granularity == "pair":
            assert (got.partners[got.partners[:, 1], 1] == np.arange(rows)).all()
            mixed = np.flatnonzero(got.mixed)
            assert np.array_equal(got.weights[mixed], got.weights[got.partners[mixed, 1]])
            assert np.array_equal(got.boxes[mixed], got.boxes[got.partners[mixed, 1]])

    @given(
        height=st.integers(1, 70),
        width=st.integers(1, 70),
        method=st.sampled_from(
            [CutMix(0.1), CutMix(1.0), CutMix(8.0), CutMix(minmax=(0.0, 1.0)), CutMix(minmax=(0.3, 0.4))]
        ),
    )
    def test_label_weight_is_the_exact_pixel_share_of_the_box(
        self, height: int, width: int, method: CutMix
    ) -> None:
        draws = method.draw(np.random.RandomState(height * 100 + width), 20, height, width)
        for box, lam in zip(draws.boxes, draws.weights[:, 0], strict=True):
            canvas = np.ones((height, width))
            y0, x0, y1, x1 = box
            assert 0 <= y0 <= y1 <= height and 0 <= x0 <= x1 <= width
            canvas[y0:y1, x0:x1] = 0
            assert lam == pytest.approx(canvas.mean(), abs=1e-12)

    def test_lam_of_exactly_one_leaves_the_row_alone_and_of_zero_replaces_it(self) -> None:
        class Fixed(MixUp):
            def draw(self, rng, n, height, width):  # type: ignore[no-untyped-def]
                from dali_mixup.methods import Draws

                return Draws(weights=np.array([[1.0, 0.0], [0.0, 1.0]])[:n])

        got = plan(MixPolicy(Fixed(), granularity="sample", partners="flip"), 2)
        assert got.method.tolist() == [-1, 0]
        assert got.partners.tolist() == [[0, 0], [1, 0]] and got.weights.tolist() == [[1, 0], [0, 1]]

    def test_a_row_that_draws_itself_is_left_alone(self) -> None:
        plans = [plan(MixPolicy(MixUp(1.0)), 3, step) for step in range(50)]
        own = np.concatenate([p.partners[:, 1] == np.arange(3) for p in plans])
        alone = np.concatenate([p.method == -1 for p in plans])
        assert own.any() and np.array_equal(own, alone)

    def test_prob_zero_mixes_nothing(self) -> None:
        assert not plan(MixPolicy(MixUp(), prob=0.0, granularity="sample")).mixed.any()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: MixUp(0), "alpha=0, expected a number > 0"),
        (lambda: MixUp(float("nan")), "alpha=nan"),
        (lambda: MixUp(True), "alpha=True is a bool"),
        (lambda: MixUp("0.2"), "alpha='0.2' is a str"),
        (lambda: CutMix(-1.0), "alpha=-1.0"),
        (lambda: CutMix(minmax=(0.8, 0.2)), "expected low < high"),
        (lambda: CutMix(minmax=(0.2, 1.2)), r"minmax\[1\]=1.2"),
        (lambda: CutMix(minmax=0.5), "two numbers"),
        (lambda: MixPolicy([]), "at least one"),
        (lambda: MixPolicy(None), "expected mixing methods"),
        (lambda: MixPolicy(["mixup"]), "expected mixing methods"),
        (lambda: MixPolicy([MixUp(), CutMix()], weights=[0, 0]), "all zero"),
        (lambda: MixPolicy([MixUp(), CutMix()], weights=[1]), "expected a list of 2 numbers"),
        (lambda: MixPolicy([MixUp(), CutMix()], weights=[1, -1]), r"weights\[1\]=-1"),
        (lambda: MixPolicy(MixUp(), prob=1.5), "prob=1.5, expected a number >= 0 and <= 1"),
        (lambda: MixPolicy(MixUp(), label_smoothing=1.0), "label_smoothing=1.0"),
        (lambda: MixPolicy(MixUp(), granularity="row"), "'row', expected one of 'batch', 'pair', 'sample'"),
        (lambda: MixPolicy(MixUp(), partners="anyone"), "'anyone'"),
        (
            lambda: MixPolicy(MixUp(), granularity="pair", partners="roll"),
            "granularity='pair' joins rows in pairs",
        ),
        (lambda: plan(MixPolicy(MixUp()), rows=0), "rows=0"),
    ],
)
def test_bad_arguments_are_refused_with_what_was_given_and_what_is_allowed(make, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises((TypeError, ValueError), match=message):
        make()
