"""Signals in the middle of `next()`: at whatever line, what is saved goes on with a batch the loop has not seen."""

from __future__ import annotations

import gc
import inspect
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
from dali_mixup import (
    CutMix,
    HandOver,
    MixPolicy,
    MixUp,
    OtherClass,
    Runtime,
    TrainTransform,
    Unlabelled,
    train_loader,
)
from dali_mixup.augment import PixMix
from dali_mixup.methods import RICAP, ClassMix, FMix, GridMix, HMix, ResizeMix
from tests.masks import paired_loader

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
        gc.disable()  # what is raised while garbage is collected is dropped
        sys.settrace(self._called)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(None)
        gc.enable()

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


class Calls:
    """Raises KeyboardInterrupt at the n-th call of a Python function while this is open, in whatever package.

    Attributes:
        lookups: of attributes by name that enum answers in Python, before Python 3.12. All names are those of
            protocols: NumPy and torch look for them in what is no plain number, and take any error for "no such".
    """

    def __init__(self, n: int | None = None) -> None:
        self.n, self.count, self.raised = n, 0, False
        self.lookups: list[str] = []

    def __enter__(self) -> Calls:
        gc.disable()  # what its callbacks raise is dropped, and hypothesis has one
        sys.setprofile(self._event)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)
        gc.enable()

    def _event(self, frame: FrameType, event: str, argument: Any) -> None:
        # What happens while a generator is closed is "ignored" by Python itself, wherever it is.
        if event != "call" or frame.f_code.co_flags & inspect.CO_GENERATOR:
            return
        name = str(frame.f_locals.get("name", ""))
        if frame.f_code.co_name == "__getattr__" and name.startswith("__") and frame.f_back is not None:
            self.lookups.append(f"{name} at {frame.f_back.f_code.co_filename}:{frame.f_back.f_lineno}")
        self.count += 1
        if self.count - 1 == self.n:
            self.raised = True
            sys.setprofile(None)
            raise KeyboardInterrupt


@pytest.mark.parametrize("every", EVERY)
def test_ctrl_c_arrives_wherever_it_comes(new: Callable[[], Any], every: int) -> None:
    """Not only in lines of this package: a C function that drops errors loses it, and training would go on."""
    with new() as loader:
        iterator = standing_at(loader, 1)
        with Calls() as counted:
            next(iterator)
    reached = 0
    for place in range(0, counted.count, max(1, every // 3)):
        with new() as loader:
            iterator = standing_at(loader, 1)
            calls = Calls(place)
            with suppress(KeyboardInterrupt), calls:
                next(iterator)
                assert not calls.raised, f"lost at call {place} of {counted.count}"
            del iterator
        reached += calls.raised
    assert reached >= MOST_OF * (counted.count / max(1, every // 3))


POLICIES = {
    "blends": MixPolicy([MixUp(0.8), CutMix(1.0)], prob=0.5),
    "masks": MixPolicy([FMix(), GridMix(), ResizeMix(), HMix(), RICAP()]),
    "partners by label": MixPolicy([MixUp(0.8)], partners=OtherClass()),
}


@pytest.mark.parametrize("kernels", ["numba", "dali"])
@pytest.mark.parametrize(
    ("policy", "augment"),
    [
        ("blends", None),
        ("masks", "rand-m9-inc1"),
        ("partners by label", "augmix-m5-w4-d2"),
        ("blends", "pixmix"),
    ],
)
def test_no_enum_is_compared_or_stored_by_numpy_or_torch(
    image_folder: Path, policy: str, augment: str | None, kernels: Any
) -> None:
    """Of a whole step, see `Form.rows`."""
    given: dict[str, Any] = {"pixmix": PixMix()} if augment == "pixmix" else {"auto_augment": augment}
    arguments: dict[str, Any] = {
        "policy": POLICIES[policy],
        "transform": TrainTransform(8, **given),
        "device": "cpu",
        "runtime": Runtime(num_threads=1, cpu_kernels=kernels),
        "handover": HandOver(unlabelled=Unlabelled(image_folder)) if augment == "pixmix" else None,
    }
    with train_loader(image_folder, batch_size=4, **arguments) as loader:
        iterator = standing_at(loader, 1)
        with Calls() as calls:
            next(iterator)
            next(iterator)
    assert not calls.lookups


def test_no_enum_is_compared_or_stored_by_numpy_or_torch_of_masks(folders: tuple[Path, Path]) -> None:
    policy = MixPolicy([ClassMix(), CutMix(1.0), MixUp(0.8)])
    with paired_loader(
        folders, policy=policy, transform=TrainTransform(8, auto_augment="rand-m9-inc1")
    ) as loader:
        iterator = standing_at(loader, 1)
        with Calls() as calls:
            next(iterator)
    assert not calls.lookups
