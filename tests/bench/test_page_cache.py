"""Names of the page cache's states, and that preparing leaves files as they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from dali_mixup.bench.page_cache import STATES, named, prepare


def test_warm_data_larger_than_memory_are_not_called_warm() -> None:
    assert named("warm", data_bytes=10, memory_bytes=100) == "warm"
    assert named("warm", data_bytes=101, memory_bytes=100) == "larger than memory"
    assert named("cold", 10, 100).startswith("cold")
    assert named("as-is", 10, 100) == "unknown"


@pytest.mark.parametrize("state", STATES)
def test_files_stay_as_they_are(state: str, tmp_path: Path) -> None:
    file = tmp_path / "a.jpg"
    file.write_bytes(b"pixels")
    prepare([(str(file), 0), (str(file), 0)], state)
    assert file.read_bytes() == b"pixels"
