"""ClassMix: half of the partner's classes, any half, by their exact contours."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from dali_mixup import MixPolicy
from dali_mixup.methods import REGISTRY, ClassMix, CutMix

ADDRESS = {"seed": 0, "epoch": 0, "step": 0}


def maps_of(classes: int, rows: int = 1, size: tuple[int, int] = (7, 9), ignored: int = 0) -> np.ndarray:
    """(rows, H, W) uint8, each with that many classes, and some ignored pixels."""
    rng = np.random.default_rng(classes)
    maps = np.resize(np.arange(classes), (rows, *size)) * 3 % 251
    maps = rng.permuted(maps.reshape(rows, -1), axis=1).reshape(rows, *size).astype(np.uint8)
    maps[:, :1, :ignored] = 255
    return maps


@pytest.mark.parametrize("classes", range(1, 8))
def test_half_of_the_classes_are_pasted_whole(classes: int) -> None:
    maps = maps_of(classes, rows=50, ignored=4)
    method = ClassMix()
    masks = method.masks(method.decide(np.random.RandomState(0), 50), maps)
    assert masks.dtype == np.uint8
    for mask, ids in zip(masks, maps, strict=True):
        pasted = set(ids[mask == 0].tolist())
        present = set(ids.ravel().tolist()) - {255}
        assert len(present) == classes and len(pasted) == classes // 2 and pasted <= present
        np.testing.assert_array_equal(mask == 0, np.isin(ids, list(pasted)))


def test_every_half_is_equally_likely() -> None:
    """As np.random.choice without replacement, which the authors use: chi-squared, false alarm 1e-4."""
    method, draws = ClassMix(), 4000
    maps = np.broadcast_to(maps_of(5), (draws, 7, 9))
    masks = method.masks(method.decide(np.random.RandomState(1), draws), maps)
    halves = [tuple(sorted(set(ids[mask == 0].tolist()))) for mask, ids in zip(masks, maps, strict=True)]
    counts = [halves.count(half) for half in combinations((0, 3, 6, 9, 12), 2)]
    assert sum(counts) == draws and stats.chisquare(counts).pvalue > 1e-4


def test_another_ignore_index() -> None:
    maps = np.array([[[0, 0, 1, 1], [2, 2, 255, 255]]], np.uint8)
    shown = set()
    for seed in range(40):
        mask = ClassMix(ignore_index=0).masks(ClassMix().decide(np.random.RandomState(seed), 1), maps)
        shown |= set(maps[mask == 0].tolist())
    assert shown == {1, 2, 255}, "of the three classes 1, 2 and 255"


class TestPlan:
    @pytest.mark.parametrize("granularity", ["batch", "pair", "sample"])
    def test_weights_are_the_shares_of_the_pixels(self, granularity: str) -> None:
        maps = maps_of(4, rows=6, ignored=3)
        policy = MixPolicy(ClassMix(), granularity=granularity, partners="derangement")
        plan = policy.plan(6, 7, 9, maps=maps, **ADDRESS)
        assert plan.mixed.all() and not plan.averages
        for row in range(6):
            partner = maps[plan.partners[row, 1]]
            mask = plan.mask(row)
            assert plan.weights[row, 0] == np.float32(mask.mean())
            assert len(set(partner[mask == 0].tolist())) == 2
        if granularity == "batch":  # one order for all, and all maps have the same classes
            assert (
                len({frozenset(maps[plan.partners[i, 1]][plan.mask(i) == 0].tolist()) for i in range(6)}) == 1
            )

    def test_a_partner_of_one_class_changes_nothing(self) -> None:
        plan = MixPolicy(ClassMix(), partners="roll").plan(3, 7, 9, maps=maps_of(1, rows=3), **ADDRESS)
        assert not plan.mixed.any() and (plan.weights[:, 0] == 1).all()

    def test_beside_another_method_and_with_maps_beyond_the_batch(self) -> None:
        maps = maps_of(4, rows=9)
        policy = MixPolicy([ClassMix(), CutMix()], granularity="sample")
        plan = policy.plan(6, 7, 9, maps=maps, **ADDRESS)
        assert set(plan.method[plan.mixed]) == {0, 1}
        images = np.repeat(maps[:6, None], 3, axis=1)
        mixed = plan.apply(images, axes=(2, 3))
        np.testing.assert_array_equal(mixed[:, 0], plan.apply(maps[:6], axes=(1, 2)))

    def test_decisions_do_not_depend_on_the_maps(self) -> None:
        """The partners of a resumed run must be the same whatever is in the masks."""
        policy = MixPolicy([ClassMix(), CutMix()], granularity="sample")
        first, second = (
            policy.plan(16, 7, 9, maps=maps_of(classes, rows=16), **ADDRESS) for classes in (4, 6)
        )
        np.testing.assert_array_equal(first.boxes, second.boxes)

    @pytest.mark.parametrize(
        ("maps", "said"),
        [
            (None, r"classmix needs maps, expected \(rows, 7, 9\) uint8.*masks="),
            ([[0]], "maps is list"),
            (np.zeros((6, 7, 9)), "maps is float64"),
            (np.zeros((5, 7, 9), np.uint8), r"maps of shape \(5, 7, 9\).*at least 6 rows"),
            (np.zeros((6, 9, 7), np.uint8), r"maps of shape \(6, 9, 7\)"),
        ],
    )
    def test_maps_that_are_missing_or_do_not_fit(self, maps: object, said: str) -> None:
        with pytest.raises((TypeError, ValueError), match=f"^MixPolicy.plan: .*{said}"):
            MixPolicy(ClassMix()).plan(6, 7, 9, maps=maps, **ADDRESS)


def test_it_is_for_segmentation_only() -> None:
    from dali_mixup.integrations.dataloader import Mixer

    assert "classmix" not in REGISTRY
    with pytest.raises(ValueError, match="ClassMix: its masks depend on the maps"):
        ClassMix().draw(np.random.RandomState(0), 1, 4, 4)
    with pytest.raises(ValueError, match=r"^Mixer: .*needs the class of every pixel"):
        Mixer(ClassMix(), seed=0)
    for wrong in (-1, 256, 1.5, None):
        with pytest.raises((TypeError, ValueError), match=f"^ClassMix: ignore_index={wrong}"):
            ClassMix(ignore_index=wrong)  # type: ignore[arg-type]
