"""A host dies and comes back: torchrun restarts the other ranks, and with `elastic=True` they share what is left."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from tests.distributed.agents import finished, free_port, started

WORKER = Path(__file__).with_name("elastic_worker.py")
SAMPLES = 24


@pytest.mark.slow  # about a minute: torchrun waits for the heartbeat of a host before it gives it up
def test_no_sample_is_lost_or_repeated_when_a_host_dies_and_comes_back(
    image_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # With a shared store torchrun's first agent does not tell one that comes later where the ranks meet (torch 2.15).
    monkeypatch.setenv("TORCH_DISABLE_SHARE_RDZV_TCP_STORE", "1")
    checkpoint, alone = tmp_path / "checkpoint.json", tmp_path / "alone"
    options = ["--nnodes", "1:2", "--nproc-per-node", "1", "--max-restarts", "3", "--monitor-interval", "1"]
    options += [
        "--rdzv-backend",
        "c10d",
        "--rdzv-endpoint",
        f"localhost:{free_port()}",
        "--rdzv-id",
        "elastic",
    ]
    conf = "last_call_timeout=5,keep_alive_interval=4,keep_alive_max_attempt=5"
    host, guest = [[*options, "--rdzv-conf", f"{conf},is_host={number}"] for number in (1, 0)]
    job = [str(WORKER), str(image_folder), str(checkpoint)]
    logs = [tmp_path / f"{name}.log" for name in ("stays", "dies", "returns")]

    stays, dies = started(host, job, logs[0]), started(guest, [*job, "dies"], logs[1])
    while not alone.exists():
        assert stays.poll() is None, logs[0].read_text(errors="replace")[-3000:]
        time.sleep(0.5)
    assert dies.wait(60) < 0, "killed by its own rank"
    finished([stays, started(guest, job, logs[2])], [logs[0], logs[2]], seconds=240)

    saved = json.loads(checkpoint.read_text())
    assert saved["worlds"][:2] == [2, 1] and saved["worlds"][-1] == 2
    for seen in saved["seen"]:
        assert sorted(seen) == list(range(SAMPLES))
