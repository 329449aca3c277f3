"""Settings that are chosen for the user."""

from __future__ import annotations

from typing import Any

import pytest

from dali_mixup import Runtime, val_loader
from dali_mixup._loader import settings

SMALL = {"batch_size": 2, "image_size": 16, "device": "cpu", "rank": 0, "world_size": 1}


@pytest.mark.parametrize(
    ("cores", "processes", "threads"), [(2, 1, 3), (64, 8, 9), (2, 4, 2), (2000, 1, 1024)]
)
def test_a_process_has_one_thread_more_than_its_share_of_the_cores(
    image_folder: Any,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    cores: int,
    processes: int,
    threads: int,
) -> None:
    monkeypatch.setattr(settings, "usable_cores", lambda: cores)
    monkeypatch.setenv("LOCAL_WORLD_SIZE", str(processes))
    with caplog.at_level("INFO", "dali_mixup"):
        loader = val_loader(image_folder, **SMALL)
    assert loader.spec.pipeline.num_threads == threads
    assert f"num_threads={threads} ({cores} usable cores, {processes} of 1 processes here)" in caplog.text


def test_a_given_number_of_threads_stays(image_folder: Any) -> None:
    assert val_loader(image_folder, runtime=Runtime(num_threads=1), **SMALL).spec.pipeline.num_threads == 1
