"""Orders: every sample as often as promised, the same on all ranks, another one every epoch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import (
    DistributedSampler,
    RandomSampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)

from dali_mixup._decide.policy import MixPolicy
from dali_mixup._epochs.orders import ClassGroups, FromSampler
from dali_mixup._loader.factory import train_loader
from dali_mixup.methods import MixUp


class TestClassGroups:
    @given(labels=st.lists(st.integers(0, 6), min_size=1, max_size=60), group=st.integers(2, 5))
    def test_every_sample_once_and_whole_groups_first(self, labels: list[int], group: int) -> None:
        y = np.array(labels)
        order = ClassGroups(0, y, group)(3)
        assert sorted(order) == list(range(len(y)))
        whole = sum(count // group for count in np.bincount(y))
        for start in range(0, whole * group, group):
            assert len(set(y[order[start : start + group]])) == 1

    def test_epochs_differ_and_a_seed_repeats_itself(self) -> None:
        y = np.arange(40) % 4
        order = ClassGroups(1, y, 2)
        assert np.array_equal(order(0), ClassGroups(1, y, 2)(0))
        assert not np.array_equal(order(0), order(1)) and not np.array_equal(
            order(0), ClassGroups(2, y, 2)(0)
        )

    def test_all_orders_of_groups_and_members_occur(self) -> None:
        seen = {tuple(ClassGroups(seed, np.array([0, 0, 1, 1]), 2)(0)) for seed in range(200)}
        assert len(seen) == 8  # 2 orders of the groups, 2 of the members of each

    def test_batches_of_the_loader_hold_partners_for_every_row(self, image_folder: Path) -> None:
        policy = MixPolicy(MixUp(1.0), partners="same_class")
        made = train_loader(
            image_folder, policy=policy, batch_size=6, image_size=32, device="cpu", class_groups=2
        )
        for _ in made:
            assert made.last_batch is not None and made.last_batch.plan is not None
            assert made.last_batch.plan.unpartnered == 0
            assert sorted(np.unique(made.last_batch.labels, return_counts=True)[1])[0] >= 2


class TestSamplers:
    @pytest.mark.parametrize(
        "make",
        [
            lambda data: RandomSampler(data),
            lambda data: SubsetRandomSampler([3, 5, 7, 11]),
            lambda data: WeightedRandomSampler(np.linspace(1, 2, 24).tolist(), 16),
        ],
    )
    def test_torchs_random_samplers_draw_the_same_for_a_seed_and_epoch(self, make) -> None:  # type: ignore[no-untyped-def]
        first, second = (FromSampler(3, 24, make(range(24))) for _ in range(2))
        for epoch in (0, 1, 5):
            assert np.array_equal(first(epoch), second(epoch))
        assert not np.array_equal(first(0), first(1))
        assert not np.array_equal(first(0), FromSampler(4, 24, make(range(24)))(0))

    def test_weights_are_those_of_the_sampler(self) -> None:
        weights = [1.0, 2.0, 5.0]
        order = FromSampler(0, 3, WeightedRandomSampler(weights, 400))
        drawn = np.concatenate([order(epoch) for epoch in range(20)])
        share = np.bincount(drawn, minlength=3) / len(drawn)
        assert share == pytest.approx([0.125, 0.25, 0.625], abs=4 * 0.5 / np.sqrt(8000))

    def test_set_epoch_reaches_the_sampler(self) -> None:
        class Counting:
            def __init__(self) -> None:
                self.epoch = 0

            def set_epoch(self, epoch: int) -> None:
                self.epoch = epoch

            def __len__(self) -> int:
                return 3

            def __iter__(self):  # type: ignore[no-untyped-def]
                return iter([self.epoch, self.epoch + 1, self.epoch + 2])

        assert FromSampler(0, 9, Counting())(4).tolist() == [4, 5, 6]

    def test_the_loader_takes_it_shards_it_and_resumes_in_it(self, image_folder: Path) -> None:
        weights = np.linspace(0, 1, 24).tolist()

        def make(rank: int = 0, world: int = 1):  # type: ignore[no-untyped-def]
            sampler = WeightedRandomSampler(weights, 16)
            return train_loader(
                image_folder,
                batch_size=4,
                image_size=32,
                device="cpu",
                sampler=sampler,
                rank=rank,
                world_size=world,
            )

        loader = make()
        assert len(loader) == 4
        expected = FromSampler(0, 24, WeightedRandomSampler(weights, 16))(0)
        taken = []
        batches = iter(loader)
        for _ in range(2):
            next(batches)
            taken += loader.last_batch.indices.tolist()
        resumed = make()
        resumed.load_state_dict(loader.state_dict())
        for a, b in zip(batches, resumed, strict=True):
            taken += loader.last_batch.indices.tolist()
            assert torch.equal(a[0], b[0])
        assert taken == expected.tolist()
        shares = []
        for rank in (0, 1):
            ranked = make(rank, 2)
            shares.append([ranked.last_batch.indices.tolist() for _ in ranked])
        assert (
            np.concatenate([np.concatenate(step) for step in zip(*shares, strict=True)]).tolist()
            == expected.tolist()
        )

    def test_what_cannot_be_an_order_is_refused(self, image_folder: Path) -> None:
        with pytest.raises(TypeError, match="no length"):
            FromSampler(0, 3, iter([0, 1]))
        with pytest.raises(ValueError, match=r"sampler=.. is empty"):
            FromSampler(0, 3, [])
        with pytest.raises(ValueError, match=r"samples=1, .* a longer sampler"):
            train_loader(image_folder, sampler=[0], batch_size=4, device="cpu")
        with pytest.raises(ValueError, match="one rank's share"):
            FromSampler(0, 24, DistributedSampler(range(24), num_replicas=2, rank=0))
        with pytest.raises(ValueError, match=r"index 24 outside \[0, 24\)"):
            FromSampler(0, 24, [0, 24])(0)
        common = {"batch_size": 4, "device": "cpu"}
        with pytest.raises(ValueError, match="sampler and repeats each set the order"):
            train_loader(image_folder, sampler=SequentialSampler(range(24)), repeats=3, **common)
        with pytest.raises(ValueError, match="class_groups=3 does not divide batch_size=4"):
            train_loader(image_folder, class_groups=3, **common)
