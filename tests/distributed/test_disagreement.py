"""Ranks that do not have the same loader are refused before the first batch, with what differs on which rank."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

WORKER = Path(__file__).with_name("disagreeing_worker.py")


def outcome(data: Path, difference: str) -> list[str]:
    """What rank 0 and rank 1 ended with, and how many samples both have seen."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    ranks = [
        subprocess.Popen(
            [sys.executable, WORKER, data, difference],
            env=os.environ
            | {"RANK": str(rank), "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in (0, 1)
    ]
    (said, errors), _ = [process.communicate(timeout=240) for process in ranks]
    assert [process.returncode for process in ranks] == [0, 0], errors
    return said.splitlines()


@pytest.mark.parametrize("difference", ["nothing", "threads"])
def test_ranks_that_agree_see_every_sample(image_folder: Path, difference: str) -> None:
    assert outcome(image_folder, difference) == ["agreed", "agreed", "24 2"]


@pytest.mark.parametrize(
    ("difference", "words"),
    [
        ("seed", ["seed: ", "rank 0", "rank 1"]),
        ("files", ["samples: ", "data: "]),
        ("policy", ["policy"]),
        ("same rank twice", ["both take the share of rank=0"]),
    ],
)
def test_ranks_that_disagree_are_told_what_differs(
    image_folder: Path, difference: str, words: list[str]
) -> None:
    """Case 35: they trained on 19 or 14 of 24 samples, with exit code 0."""
    *said, _ = outcome(image_folder, difference)
    assert len(said) == 2
    refused = [line for line in said if line != "agreed"]
    assert refused, said
    assert all(word in line for line in refused for word in words)
