"""Streams: the same numbers everywhere, and never shared between addresses."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from dali_mixup._seeding import Purpose, stream

GOLDEN_UNIFORM = [0.16776207032266455, 0.7769024609947446, 0.4896687325743818]
GOLDEN_PERMUTATION = [0, 5, 2, 7, 6, 1, 3, 4]
GOLDEN_BETA = [0.999894263680818, 0.17347305261755008, 0.9997127139335286]


def test_golden_values_are_the_same_on_every_machine_and_numpy_version():
    rng = stream(Purpose.PLAN, 1234, rank=3, epoch=5, step=7)
    assert rng.random_sample(3).tolist() == pytest.approx(GOLDEN_UNIFORM, abs=0)
    assert rng.permutation(8).tolist() == GOLDEN_PERMUTATION
    assert rng.beta(0.2, 0.2, 3).tolist() == pytest.approx(GOLDEN_BETA, rel=1e-12)


def test_addresses_and_purposes_do_not_share_numbers():
    addresses = itertools.product(Purpose, (0, 1, 2**63), (0, 1, 7), (0, 1), (0, 1, 2))
    drawn = [
        tuple(stream(purpose, seed, rank=rank, epoch=epoch, step=step).randint(0, 2**31, 4))
        for purpose, seed, rank, epoch, step in addresses
    ]
    assert len(set(drawn)) == len(drawn)


def test_a_negative_seed_is_a_seed_like_any_other():
    first = stream(Purpose.ORDER, -1).random_sample(4)
    assert np.array_equal(first, stream(Purpose.ORDER, -1).random_sample(4))
    assert not np.array_equal(first, stream(Purpose.ORDER, 1).random_sample(4))
