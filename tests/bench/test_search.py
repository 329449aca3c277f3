"""The search for settings, with made-up rates in the place of measurements."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest

from dali_mixup import Runtime
from dali_mixup.bench import tuning
from dali_mixup.bench.work import Work


def test_where_the_default_wins_it_is_not_measured_against_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    noise = count(1)

    def measured(call: Any, plan: Any, settings: Any = None, *_: Any, **__: Any) -> float:
        if call is tuning.seconds_a_batch:
            return 0.01
        return 1000.0 * (settings.num_threads == 2) - next(noise)

    monkeypatch.setattr(tuning, "isolated", measured)
    candidates = [Runtime(2), Runtime(1), Runtime(4)]
    samples = [(f"{i}.jpg", 0) for i in range(8)]
    plan = tuning.Search(samples, Work(4, 1, 2), "cpu", candidates, 40, "", 60.0)
    found = tuning.search(plan, lambda done, of, what: None)
    assert found.settings == candidates[0]
    assert found.rate == found.default_rate
