"""No crash, no hang, and every bad file named: whole runs in processes of their own (see `tests.bad_runs`)."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.bad_images import NOT_FILES, contents
from tests.bad_runs import some_runs

KINDS = len(contents()) + len(NOT_FILES)


def ended(number: int, first: int = 0) -> list[dict[str, object]]:
    """How that many runs end, from the first on."""
    runs = json.dumps(some_runs(first + number)[first:])
    done = subprocess.run(
        [sys.executable, "-m", "tests.bad_runs", runs], stdout=subprocess.PIPE, text=True, check=True
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_some_kinds_of_bad_file() -> None:
    results = ended(8, first=KINDS + 9)
    assert len(results) == 8
    assert [result for result in results if result["said"]] == []


@pytest.mark.slow
@pytest.mark.timeout(3600)  # about a thousand runs
def test_every_kind_of_bad_file_twenty_times() -> None:
    results = ended(20 * KINDS)
    assert len(results) == 20 * KINDS >= 400
    assert [result for result in results if result["said"]] == []
