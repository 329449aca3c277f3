"""The self-test of window decoding: whatever happens in its subprocess, this process lives on and knows."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Iterator

import pytest
import torch

from dali_mixup._graph import selftest
from dali_mixup._graph.selftest import window_decoding_works


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    window_decoding_works.cache_clear()
    yield
    window_decoding_works.cache_clear()


def pretend(monkeypatch: pytest.MonkeyPatch, code: str) -> list[list[str]]:
    """Runs `code` where the self-test would run; returns the commands it was asked for."""
    asked = []
    really = subprocess.run

    def run(command: list[str], **arguments: object) -> subprocess.CompletedProcess[str]:
        asked.append(command)
        return really([sys.executable, "-c", code], **arguments)  # type: ignore[call-overload]

    monkeypatch.setattr(selftest.subprocess, "run", run)
    return asked


def test_a_segmentation_fault_is_survived_and_said_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    asked = pretend(monkeypatch, "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)")
    with caplog.at_level(logging.WARNING, logger="dali_mixup"):
        assert not window_decoding_works(0) and not window_decoding_works(0)
    (record,) = caplog.records
    assert "exit -11" in record.getMessage() and "whole images are decoded instead" in record.getMessage()
    assert len(asked) == 1 and asked[0][-1] == "0"


def test_an_error_is_reported_with_its_text(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    pretend(monkeypatch, "raise RuntimeError('nvImageCodec failure: #8')")
    with caplog.at_level(logging.WARNING, logger="dali_mixup"):
        assert not window_decoding_works(1)
    assert "nvImageCodec failure: #8" in caplog.text


def test_a_hang_ends(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    pretend(monkeypatch, "import time; time.sleep(60)")
    monkeypatch.setattr(selftest, "TIMEOUT", 0.5)
    with caplog.at_level(logging.WARNING, logger="dali_mixup"):
        assert not window_decoding_works(0)
    assert "no answer within 0.5 s" in caplog.text


def test_success_says_nothing(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    pretend(monkeypatch, "")
    with caplog.at_level(logging.WARNING, logger="dali_mixup"):
        assert window_decoding_works(0)
    assert not caplog.records


@pytest.mark.skipif(torch.cuda.is_available(), reason="wants a machine without a GPU")
def test_the_real_self_test_fails_cleanly_where_there_is_no_gpu() -> None:
    assert not window_decoding_works(0)
