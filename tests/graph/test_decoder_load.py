"""The hardware JPEG decoder: used by default but on the GPUs where it may overwrite images."""

from __future__ import annotations

import logging

import pytest
import torch

from dali_mixup._graph import decoder_load
from dali_mixup._graph.decoder_load import hw_decoder_load


@pytest.mark.parametrize(("capability", "expected"), [((8, 0), 0.65), ((9, 0), 0.0), ((10, 0), 0.65)])
def test_the_default_depends_on_the_gpu(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capability: tuple[int, int],
    expected: float,
) -> None:
    decoder_load._say_once.cache_clear()
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda gpu: capability)
    with caplog.at_level(logging.INFO, logger="dali_mixup"):
        assert [hw_decoder_load(None, 0) for _ in range(2)] == [expected] * 2
    assert len(caplog.records) == (expected == 0)
    assert hw_decoder_load(0.9, 0) == 0.9
