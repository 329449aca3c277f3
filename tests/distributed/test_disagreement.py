"""Ranks that do not have the same loader are refused before the first batch, with what differs on which rank."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

WORKER = Path(__file__).with_name("disagreeing_worker.py")
REFUSED = {
    "seed": ["seed: ", "on rank"],
    "files": ["samples: ", "data: "],
    "policy": ["policy"],
    "extra": ["transform.extra", "list_of"],
    "same rank twice": ["both have rank=0"],
}


def outcomes(data: Path, *differences: str) -> list[tuple[list[str], int]]:
    """For each difference, what rank 0 and rank 1 ended with, and how many samples both have seen."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    group = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    ranks = [
        subprocess.Popen(
            [sys.executable, WORKER, data, *differences],
            env=os.environ | group | {"RANK": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in (0, 1)
    ]
    (said, errors), _ = [process.communicate(timeout=240) for process in ranks]
    assert [process.returncode for process in ranks] == [0, 0], errors
    return [json.loads(line) for line in said.splitlines()]


def test_a_rank_without_a_batch_of_one_validation_takes_part_in_the_next(image_folder: Path) -> None:
    [[said, samples]] = outcomes(image_folder, "validation without a batch")
    assert said == ["agreed", "agreed"] and samples == 24


def test_ranks_that_begin_in_other_epochs_are_told(image_folder: Path) -> None:
    [[said, samples]] = outcomes(image_folder, "epoch")
    warnings = [line for line in said if line != "agreed"]
    assert warnings and samples < 24
    places = {f"rank {rank} beg" for rank in (0, 1)} | {"epoch 0, step 0", "epoch 3, step 0", "peek()"}
    assert all(place in line for line in warnings for place in places), said


def test_ranks_that_disagree_are_told_what_differs(image_folder: Path) -> None:
    """Case 35: they trained on 19 or 14 of 24 samples, with exit code 0."""
    nothing, threads, *others = outcomes(image_folder, "nothing", "threads", *REFUSED)
    assert nothing == threads == [["agreed", "agreed"], 24], "threads change no sample"
    for (difference, words), (said, _) in zip(REFUSED.items(), others, strict=True):
        refused = [line for line in said if line != "agreed"]
        assert refused, f"{difference}: {said}"
        alone = "one that only some ranks use needs rank=0, world_size=1"
        assert all(alone in line for line in refused) == (difference != "same rank twice")
        assert all(word in line for line in refused for word in words), said
