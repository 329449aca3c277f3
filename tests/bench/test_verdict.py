"""Which stage binds."""

from __future__ import annotations

import pytest

from dali_mixup.bench.verdict import verdict

SECONDS = {"read": 0.01, "decode": 0.08, "augment": 0.12, "mix": 0.13}


def test_the_stage_that_adds_most_binds() -> None:
    found = verdict(SECONDS)
    assert found.bottleneck == "decode"
    assert found.added == pytest.approx({"read": 0.01, "decode": 0.07, "augment": 0.04, "mix": 0.01})


def test_a_consumer_slower_than_the_whole_loader_binds() -> None:
    assert verdict(SECONDS | {"consumer": 0.13}).bottleneck == "consumer"
    assert verdict(SECONDS | {"consumer": 0.129}).bottleneck == "decode"


def test_copying_to_another_device_can_bind() -> None:
    assert verdict(SECONDS | {"copy": 0.5}).bottleneck == "copy"


def test_a_longer_pipeline_that_measures_faster_adds_nothing() -> None:
    found = verdict({"read": 0.02, "decode": 0.01, "augment": 0.05})
    assert found.added == pytest.approx({"read": 0.02, "decode": 0.0, "augment": 0.03})
