"""Loaders and forked processes."""

from __future__ import annotations

import gc
import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from nvidia.dali import Pipeline

from dali_mixup import CutMix, MixPolicy, MixUp, Runtime, train_loader

SMALL = {"image_size": 8, "device": "cpu", "runtime": Runtime(num_threads=1)}
POLICY = MixPolicy([MixUp(0.8), CutMix(1.0)])


@pytest.fixture
def train(image_folder: Path) -> Iterator[Any]:
    with train_loader(image_folder, policy=POLICY, batch_size=8, **SMALL) as loader:
        yield loader


def in_a_fork(work: Callable[[], str]) -> str:
    """What `work` returns or raises in a forked child that then ends normally, destructors and all."""
    gc.collect()  # pipelines that other tests left as garbage would be destroyed in the child, which hangs
    fork = multiprocessing.get_context("fork")
    here, there = fork.Pipe(duplex=False)

    def child() -> None:
        try:
            there.send(work())
        except Exception as error:
            there.send(f"{type(error).__name__}: {error}")

    process = fork.Process(target=child)
    process.start()
    assert here.poll(30), "the child hangs"
    said = here.recv()
    process.join(30)
    assert process.exitcode == 0
    return said


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*fork.*:RuntimeWarning")
def test_a_loader_used_after_a_fork_says_so_in_the_child(train: Any) -> None:
    iterator = iter(train)
    next(iterator)
    said = in_a_fork(lambda: str(next(iterator)))
    assert said.startswith("RuntimeError") and "do not survive a fork" in said and "'spawn'" in said
    assert len(list(iterator)) == 2, "the parent goes on"


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*fork.*:RuntimeWarning")
def test_nothing_in_the_child_can_shut_the_inherited_pipeline_down(train: Any) -> None:
    """Its locks may have been held by the parent's threads when it forked; DALI's exit handler takes one of them."""
    others = set(Pipeline._pipes)
    iterator = iter(train)
    next(iterator)

    def within_reach() -> str:
        return str([pipeline()._pipe for pipeline in Pipeline._pipes - others])

    assert in_a_fork(within_reach) == "[None]"
    assert len(list(iterator)) == 2, "the parent goes on"


@pytest.mark.parametrize("moment", ["in an epoch", "after an epoch"])
@pytest.mark.parametrize("leave", ["exit", pytest.param("drop", marks=pytest.mark.slow)])
def test_a_forked_child_that_just_leaves_ends(image_folder: Path, moment: str, leave: str) -> None:
    script = textwrap.dedent(
        """
        import gc, os, sys
        from dali_mixup import train_loader

        loader = train_loader(sys.argv[1], batch_size=4, image_size=8, device="cpu")
        iterator = iter(loader)
        next(iterator)
        if sys.argv[2] == "after an epoch":
            list(iterator)
        child = os.fork()
        if child == 0:
            if sys.argv[3] == "drop":
                del iterator, loader
                gc.collect()
            sys.exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert len(list(loader)) == 6
        """
    )
    # The child is in the process group of its parent, so that the time limit ends both.
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", script, str(image_folder), moment, leave],
        start_new_session=True,
    )
    try:
        assert process.wait(timeout=300) == 0
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*fork.*:RuntimeWarning")
def test_a_child_can_drop_and_close_what_it_inherited(train: Any) -> None:
    iterators = [iter(train)]
    next(iterators[0])

    def drop() -> str:
        iterators.clear()
        train.close()
        gc.collect()
        return "alive"

    assert in_a_fork(drop) == "alive"
