"""Processes that share work, and the threads that drive them."""

from __future__ import annotations

import threading

import pytest

from dali_mixup._graph.child import ChildProcess
from dali_mixup.pack.crew import shared_out


def test_a_connection_stays_open_until_its_thread_has_left() -> None:
    """Closed under a thread that writes, it would fail in any way, or its number could be another file's by then."""
    closed: list[bool] = []
    children: list[ChildProcess] = []
    begun = threading.Event()

    def do(child: ChildProcess, task: str, stop: threading.Event) -> None:
        children.append(child)
        if task == "fails":
            begun.wait()
            raise ValueError("no such task")
        begun.set()
        stop.wait()
        child.process.wait()
        closed.append(child.connection.closed)
        child.send("into the void")

    with pytest.raises(ValueError, match="no such task"):
        shared_out(["goes on", "fails"], 2, do)
    assert closed == [False]
    assert all(child.connection.closed and child.process.poll() is not None for child in children)
