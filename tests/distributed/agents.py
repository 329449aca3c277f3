"""Agents of torchrun that play the hosts of a cluster on this one, over the loopback."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def started(options: Sequence[str], job: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
    """One agent of torchrun that starts `job`; what both print goes to `log`."""
    with log.open("wb") as out:
        return subprocess.Popen(
            [sys.executable, "-m", "torch.distributed.run", *options, *job],
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdout=out,
            stderr=subprocess.STDOUT,
        )


def finished(agents: Sequence[subprocess.Popen[bytes]], logs: Sequence[Path], seconds: float) -> None:
    """Wait for all of them; AssertionError, with what they printed, unless all succeed."""
    try:
        codes = [agent.wait(seconds) for agent in agents]
    except subprocess.TimeoutExpired:
        codes = [None for _ in agents]
    finally:
        for agent in agents:
            if agent.poll() is None:
                agent.send_signal(signal.SIGTERM)  # ends the workers too
                agent.wait(60)
    assert codes == [0] * len(agents), "\n".join(log.read_text(errors="replace")[-3000:] for log in logs)
