"""Signals in the middle of `next()`: at whatever line, what is saved goes on with a batch the loop has not seen."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
import torch

import dali_mixup
from dali_mixup import CutMix, MixPolicy, MixUp, Runtime, train_loader

STEPS = 6
PACKAGE = str(Path(dali_mixup.__file__).parent)
THIRD, LAST = 2, STEPS - 1


class At:
    """Does `act` at the n-th line or return that the package executes while this is open.

    Attributes:
        place: "file:function:event" of it, None if there were fewer.
        count: how many there were until then.
    """

    def __init__(self, n: int | None, act: Callable[[], None]) -> None:
        self.n, self.act, self.count = n, act, 0
        self.place: str | None = None

    def __enter__(self) -> At:
        sys.settrace(self._called)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(None)

    def _called(self, frame: FrameType, event: str, argument: Any) -> Any:
        return self._inside if frame.f_code.co_filename.startswith(PACKAGE) else None

    def _inside(self, frame: FrameType, event: str, argument: Any) -> Any:
        if event in ("line", "return"):
            self.count += 1
            if self.count - 1 == self.n:
                self.place = f"{Path(frame.f_code.co_filename).stem}:{frame.f_code.co_name}:{event}"
                sys.settrace(None)
                frame.f_trace = None
                self.act()
                return None
        return self._inside


@pytest.fixture
def new(image_folder: Path) -> Callable[[], Any]:
    policy = MixPolicy([MixUp(0.8), CutMix(1.0)])
    arguments: dict[str, Any] = {"batch_size": 4, "image_size": 8, "device": "cpu", "seed": 5}
    return lambda: train_loader(image_folder, policy=policy, runtime=Runtime(num_threads=1), **arguments)


def batches(loader: Any, epochs: int = 1) -> list[tuple[int, torch.Tensor, torch.Tensor]]:
    """(number since epoch 0, images, targets) of every batch."""
    return [
        (loader.last_batch.epoch * STEPS + loader.last_batch.step, images, targets)
        for _ in range(epochs)
        for images, targets in loader
    ]


def standing_at(loader: Any, taken: int) -> Any:
    iterator = iter(loader)
    for _ in range(taken):
        next(iterator)
    return iterator


def places(new: Callable[[], Any], taken: int) -> int:
    """Lines and returns that one `next()` executes."""
    with new() as loader:
        iterator = standing_at(loader, taken)
        with At(None, lambda: None) as counted:
            next(iterator)
        return counted.count


def goes_on(new: Callable[[], Any], state: Any, expected: list[Any]) -> int:
    """The number of the batch with which a loaded state goes on; all of its epoch is compared."""
    with new() as resumed:
        resumed.load_state_dict(json.loads(json.dumps(state)))
        got = batches(resumed)
    first = got[0][0]
    wanted = expected[first : (first // STEPS + 1) * STEPS]
    assert [number for number, *_ in got] == [number for number, *_ in wanted]
    assert all(
        torch.equal(a, b) for x, y in zip(got, wanted, strict=True) for a, b in zip(x[1:], y[1:], strict=True)
    )
    return first


MOST_OF = 0.8
"""Part of the places that must be reached: `next()` runs fewer lines where a file was read faster than before."""

EVERY = [53, pytest.param(1, marks=pytest.mark.slow)]


@pytest.mark.parametrize("taken", [THIRD, LAST])
@pytest.mark.parametrize("every", EVERY)
def test_a_state_taken_by_a_signal_handler_is_right_wherever_it_comes(
    new: Callable[[], Any], every: int, taken: int
) -> None:
    expected = batches(new(), epochs=2)
    total, reached = places(new, taken), 0
    # The last places are those where the position moves and the batch is returned.
    for place in sorted({*range(0, total, every), *range(total - 12, total)}):
        states: list[Any] = []
        with new() as loader:
            iterator = standing_at(loader, taken)
            with At(place, lambda loader=loader, states=states: states.append(loader.state_dict())) as at:
                next(iterator)
            del iterator
        if states:
            reached += 1
            assert goes_on(new, states[0], expected) in (taken, taken + 1), at.place
    assert reached >= MOST_OF * (total / every)


@pytest.mark.parametrize("taken", [THIRD, LAST])
@pytest.mark.parametrize("every", EVERY)
def test_ctrl_c_loses_no_batch_but_at_the_return_itself(
    new: Callable[[], Any], every: int, taken: int
) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    expected = batches(new(), epochs=2)
    total, reached, lost = places(new, taken), 0, []
    for place in sorted({*range(0, total, every), *range(total - 12, total)}):
        with new() as loader:
            iterator = standing_at(loader, taken)
            at = At(place, interrupt)
            with suppress(KeyboardInterrupt), at:
                next(iterator)
            state = loader.state_dict()
            del iterator
        reached += at.place is not None
        if at.place is not None and goes_on(new, state, expected) != taken:
            lost.append(at.place)
    assert reached >= MOST_OF * (total / every)
    assert set(lost) <= {"epoch_iterator:__next__:return"} and len(lost) <= 1, lost
