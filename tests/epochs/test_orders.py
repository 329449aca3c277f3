"""Orders: every sample as often as promised, the same on all ranks, another one every epoch."""

from __future__ import annotations

import itertools
import pickle
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

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
from dali_mixup._epochs.from_sampler import FromSampler, as_order
from dali_mixup._epochs.orders import ClassGroups, Repeated, Sequential, Shuffled
from dali_mixup._loader.factory import train_loader
from dali_mixup.methods import MixUp

LABELS = np.arange(24) % 4


class TestClassGroups:
    @given(labels=st.lists(st.integers(0, 6), min_size=1, max_size=60), group=st.integers(2, 5))
    def test_every_sample_once_and_whole_groups_first(self, labels: list[int], group: int) -> None:
        y = np.array(labels)
        order = ClassGroups(group).indices(0, 3, y)
        assert sorted(order) == list(range(len(y)))
        whole = sum(count // group for count in np.bincount(y))
        for start in range(0, whole * group, group):
            assert len(set(y[order[start : start + group]])) == 1

    def test_epochs_differ_and_a_seed_repeats_itself(self) -> None:
        y = np.arange(40) % 4
        order, again = ClassGroups(2), ClassGroups(2)
        first = order.indices(1, 0, y)
        assert np.array_equal(first, again.indices(1, 0, y))
        assert not np.array_equal(first, order.indices(1, 1, y))
        assert not np.array_equal(first, order.indices(2, 0, y))

    def test_all_orders_of_groups_and_members_occur(self) -> None:
        seen = {tuple(ClassGroups(2).indices(seed, 0, np.array([0, 0, 1, 1]))) for seed in range(200)}
        assert len(seen) == 8  # 2 orders of the groups, 2 of the members of each

    def test_batches_of_the_loader_hold_partners_for_every_row(self, image_folder: Path) -> None:
        policy = MixPolicy(MixUp(1.0), partners="same_class")
        made = train_loader(
            image_folder, policy=policy, batch_size=6, image_size=32, device="cpu", order=ClassGroups(2)
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
        first, second = (FromSampler(make(range(24))) for _ in range(2))
        for epoch in (0, 1, 5):
            assert np.array_equal(first.indices(3, epoch, LABELS), second.indices(3, epoch, LABELS))
        assert not np.array_equal(first.indices(3, 0, LABELS), first.indices(3, 1, LABELS))
        assert not np.array_equal(first.indices(3, 0, LABELS), first.indices(4, 0, LABELS))

    def test_weights_are_those_of_the_sampler(self) -> None:
        weights = [1.0, 2.0, 5.0]
        order = FromSampler(WeightedRandomSampler(weights, 400))
        drawn = np.concatenate([order.indices(0, epoch, np.zeros(3)) for epoch in range(20)])
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

        assert FromSampler(Counting()).indices(0, 4, LABELS).tolist() == [4, 5, 6]

    def test_the_loader_takes_it_shards_it_and_resumes_in_it(self, image_folder: Path) -> None:
        weights = np.linspace(0, 1, 24).tolist()

        def make(rank: int = 0, world: int = 1):  # type: ignore[no-untyped-def]
            sampler = WeightedRandomSampler(weights, 16)
            return train_loader(
                image_folder,
                batch_size=4,
                image_size=32,
                device="cpu",
                order=sampler,
                rank=rank,
                world_size=world,
            )

        loader = make()
        assert len(loader) == 4
        expected = FromSampler(WeightedRandomSampler(weights, 16)).indices(0, 0, LABELS)
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
            FromSampler(iter([0, 1]))
        with pytest.raises(ValueError, match=r"order=\[\] is empty"):
            FromSampler([])
        with pytest.raises(ValueError, match=r"samples=1, .* an order of more samples"):
            train_loader(image_folder, order=[0], batch_size=4, device="cpu")
        with pytest.raises(ValueError, match="one rank's share"):
            FromSampler(DistributedSampler(range(24), num_replicas=2, rank=0))
        with pytest.raises(ValueError, match=r"index 24 outside \[0, 24\)"):
            FromSampler([0, 24]).indices(0, 0, LABELS)
        common = {"batch_size": 4, "device": "cpu"}
        with pytest.raises(
            ValueError, match=r"order=ClassGroups\(size=3\) and batch_size=4: groups would be split"
        ):
            train_loader(image_folder, order=ClassGroups(3), **common)

    @pytest.mark.parametrize("generator", ["python", "numpy", "torch"])
    def test_a_sampler_that_draws_from_a_global_generator_is_a_function_of_seed_and_epoch(
        self, generator: str
    ) -> None:
        """On every rank, at every call and after a resume, whatever was drawn meanwhile; and nobody else notices."""
        order = FromSampler(Drawn(DRAWS[generator]))
        first = order.indices(3, 1, LABELS)
        states = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()
        assert np.array_equal(order.indices(3, 1, LABELS), first)
        assert states == (
            random.getstate(),
            np.random.get_state()[1].tolist(),
            torch.get_rng_state().tolist(),
        )
        random.random(), np.random.rand(), torch.rand(1)
        assert np.array_equal(FromSampler(Drawn(DRAWS[generator])).indices(3, 1, LABELS), first)
        assert not np.array_equal(order.indices(3, 2, LABELS), first)
        assert not np.array_equal(order.indices(4, 1, LABELS), first)

    @pytest.mark.parametrize("make", [RandomSampler, lambda _: Drawn(DRAWS["torch"])])
    def test_torchs_default_device_does_not_matter(self, make: Any) -> None:
        expected = FromSampler(make(range(24))).indices(3, 1, LABELS)
        with torch.device("meta"):
            assert np.array_equal(FromSampler(make(range(24))).indices(3, 1, LABELS), expected)

    def test_a_sampler_that_never_ends_is_refused(self, image_folder: Path) -> None:
        """As mmengine's InfiniteSampler, which has a length."""

        class Endless:
            def __len__(self) -> int:
                return 24

            def __iter__(self) -> Iterator[int]:
                return itertools.cycle(range(24))

        with pytest.raises(ValueError, match=r"gave more than 24 indices in epoch 0; expected 24"):
            train_loader(image_folder, order=Endless(), batch_size=4, image_size=16, device="cpu")

    @pytest.mark.parametrize("now", [4, 20])
    def test_another_length_than_the_layouts_is_refused(self, now: int, image_folder: Path) -> None:
        """As of hard-example mining, which gives the sampler other indices after an epoch."""
        sampler = SubsetRandomSampler(range(12))
        loader = train_loader(image_folder, order=sampler, batch_size=4, image_size=16, device="cpu")
        first = list(loader.batch_sampler)
        sampler.indices = range(12, 24)  # as many
        assert sorted(np.concatenate(list(loader.batch_sampler))) == list(range(12, 24))
        sampler.indices = range(now)
        assert len(loader) == len(first) == 3
        gave = now if now < 12 else "more than 12"
        with pytest.raises(
            ValueError, match=rf"gave {gave} indices in epoch 7; expected 12.*build a new loader"
        ):
            loader.set_epoch(7)
            next(iter(loader))

    def test_the_length_outlives_pickling(self) -> None:
        indices = list(range(12))
        order = FromSampler(indices)
        del indices[6:]
        copy = pickle.loads(pickle.dumps(order))
        assert (order.length(24, 1), copy.length(24, 1)) == (12, 12)
        assert copy.describe() == order.describe()

    @pytest.mark.parametrize("own", [np.random.RandomState(0), random.Random(0)], ids=["numpy", "python"])
    def test_a_sampler_with_a_generator_of_its_own_is_refused(self, own: Any, image_folder: Path) -> None:
        sampler = Drawn(lambda: [own.randint(0, 23) for _ in range(24)])
        with pytest.raises(ValueError, match="gave two orders for one epoch"):
            train_loader(image_folder, batch_size=4, image_size=16, device="cpu", order=sampler)

    @pytest.mark.parametrize("given", [[0.0, 1.5], [0.0, 1.0], ["0"], [None], [[0, 1]], [True, False]])
    def test_what_is_no_index_is_refused(self, given: list[Any]) -> None:
        with pytest.raises(TypeError, match=r"integer index per sample|no sample indices"):
            FromSampler(given).indices(0, 0, LABELS)


class Drawn:
    """A sampler that asks nobody but `draw`."""

    def __init__(self, draw: Any) -> None:
        self.draw = draw

    def __len__(self) -> int:
        return 24

    def __iter__(self) -> Any:
        return iter(self.draw())


DRAWS = {
    "python": lambda: random.sample(range(24), 24),
    "numpy": lambda: np.random.permutation(24).tolist(),
    "torch": lambda: torch.randperm(24).tolist(),
}


def test_every_form_of_an_order_is_understood() -> None:
    labels = np.arange(24) % 4
    assert as_order("loader", None) == Shuffled()
    for order in (Shuffled(), Sequential(), ClassGroups(2), Repeated(3)):
        assert as_order("loader", order) is order
    for same in (Sequential(), SequentialSampler(range(24)), range(24), np.arange(24)):
        assert as_order("loader", same).indices(0, 5, labels).tolist() == list(range(24))
    for bad in ("shuffled", Shuffled, 3, len):
        with pytest.raises(TypeError, match=r"loader: order=.*expected Shuffled\(\), Sequential\(\)"):
            as_order("loader", bad)
