"""A user's functions in a run: resuming, leaving out files, and functions on the finished batch."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.transforms import v2

from dali_mixup import (
    BadFileError,
    CutMix,
    Extra,
    HandOver,
    Output,
    Runtime,
    Skip,
    TrainTransform,
    Unlabelled,
    ValTransform,
    View,
    open_source,
    train_loader,
    val_loader,
)
from tests import extras
from tests.damaged import in_step, ruin
from tests.damaged import new as over_pictures
from tests.damaged import run as run_of
from tests.extras import Speckle
from tests.loader.resuming import all_equal, maker, stopped
from tests.masks import paired_loader

Pictures = list[tuple[str, int]]

PLAIN = Output(0.0, 1.0)
EVERYWHERE = (
    Extra(extras.speckle, "after_decode"),
    Extra(Speckle(9.0), "after_crop"),
    Extra(extras.speckle, "before_mix"),
    Extra(extras.jitter, "after_mix"),
    Extra(extras.noisy, "batch"),
)


def having(*added: Extra) -> dict[str, Any]:
    return {"transform": TrainTransform(16, extra=added)}


@pytest.fixture
def new(image_folder: Path) -> Callable[..., Any]:
    return maker(image_folder)


@pytest.mark.parametrize("batches", [1, 3, 6])
@pytest.mark.parametrize("runtime", [Runtime(1), Runtime(3, prefetch=4)], ids=str)
def test_a_resumed_run_draws_the_same_numbers(
    new: Callable[..., Any], runtime: Runtime, batches: int
) -> None:
    given = having(*EVERYWHERE)
    reference = new(**given)
    expected = [*reference, *reference]
    assert not all_equal(expected[:6], expected[6:]) and not all_equal(expected[:6], list(new()))
    resumed = new(runtime=runtime, **given)
    resumed.load_state_dict(stopped(new(**given), batches))
    assert all_equal(list(resumed), expected[batches:6] or expected[6:])


def test_another_start_draws_other_numbers(new: Callable[..., Any]) -> None:
    """Not the ones that the first batches had, when an epoch begins in a new pipeline."""
    loader = new(**having(Extra(noise_alone, "before_mix")), policy=None)
    first = next(iter(loader))[0]
    loader.set_epoch(1)
    assert not torch.equal(next(iter(loader))[0], first)


def noise_alone(images: Any) -> Any:
    made = extras.fn.random.normal(images, mean=100.0, stddev=20.0)
    return extras.fn.cast(made, dtype=extras.UINT8)


@pytest.mark.parametrize(
    ("other", "said"),
    [
        ([], "transform.extra.length: saved 1, now 0"),
        ([Extra(Speckle(8.0), "after_crop")], r"transform.extra\[0\].function.deviation: saved 9.0, now 8.0"),
        (
            [Extra(Speckle(9.0), "after_decode")],
            r"transform.extra\[0\].place: saved 'after_crop', now 'after_decode'",
        ),
        ([Extra(extras.speckle, "after_crop")], r"now 'tests.extras.speckle'"),
    ],
)
def test_a_state_of_other_functions_is_refused(
    new: Callable[..., Any], other: list[Extra], said: str
) -> None:
    state = stopped(new(**having(Extra(Speckle(9.0), "after_crop"))), 2)
    with pytest.raises(ValueError, match=said):
        new(**having(*other)).load_state_dict(state)


def test_a_file_that_is_left_out_changes_no_other_row(pictures: Pictures) -> None:
    given: dict[str, Any] = {**having(*EVERYWHERE[:4]), "policy": None}
    expected = run_of(over_pictures(pictures, **given))
    ruin(pictures, in_step(3, 2))
    got = run_of(over_pictures(pictures, bad_files=Skip(), **given))
    others = torch.arange(4) != 2
    for step, ((a, _, i), (b, _, j)) in enumerate(zip(expected, got, strict=True)):
        if step == 3:
            assert i[2] != j[2] and torch.equal(a[others], b[others])
        elif np.array_equal(i, j):
            assert torch.equal(a, b)
    assert sum(np.array_equal(i, j) for (_, _, i), (_, _, j) in zip(expected, got, strict=True)) == 5


def test_a_file_on_which_a_function_fails_is_named_with_it(pictures: Pictures) -> None:
    """And with `Skip` left out, as one is that does not decode."""
    Image.new("RGB", (40, 40)).save(pictures[in_step(1, 0)][0])
    given: dict[str, Any] = {**having(Extra(extras.refusing_black, "after_crop")), "policy": None}
    with pytest.raises(BadFileError, match=r"its window, or in tests\.extras\.refusing_black"):
        run_of(over_pictures(pictures, **given))
    loader = over_pictures(pictures, bad_files=Skip(), **given)
    assert len(run_of(loader)) == 6 and len(loader.skipped) == 1


class TestOnTheBatch:
    def test_it_replays_from_the_address_alone(self, new: Callable[..., Any]) -> None:
        given = having(Extra(extras.noisy, "batch"))
        torch.manual_seed(1)
        expected = list(new(**given))
        torch.manual_seed(2)
        loader = new(**given)
        peeked = loader.peek()
        got = []
        for batch in loader:
            torch.rand(7)  # the training loop's own numbers
            got.append(batch)
        assert all_equal(got, expected) and all_equal([peeked], expected[:1])
        noise = [a[0] - b[0] for a, b in zip(expected, new(), strict=True)]
        assert len({round(x.std().item(), 6) for x in noise}) == len(noise), "new numbers for every batch"

    def test_two_functions_draw_different_numbers(self, new: Callable[..., Any]) -> None:
        seeds: list[int] = []

        def seeing(images: torch.Tensor, targets: Any) -> Any:
            seeds.append(torch.initial_seed())
            return images, targets

        ranks = [
            new(**having(Extra(seeing, "batch"), Extra(seeing, "batch")), rank=r, world_size=2)
            for r in (0, 1)
        ]
        assert sum(len(list(loader)) for loader in ranks) == 6
        assert len(set(seeds)) == len(seeds) == 12

    def test_the_loops_own_generator_is_left_alone(self, new: Callable[..., Any]) -> None:
        torch.manual_seed(4)
        expected = torch.rand(3)
        torch.manual_seed(4)
        next(iter(new(**having(Extra(extras.noisy, "batch")))))
        assert torch.initial_seed() == 4
        assert torch.equal(torch.rand(3), expected)

    def test_torchvisions_transforms(self, new: Callable[..., Any]) -> None:
        added = Extra(v2.RandomChannelPermutation(), "batch")
        a, b = (new(**having(added)) for _ in range(2))
        assert all_equal(list(a), list(b))
        plain = list(new())
        permuted = [not torch.equal(x[0], y[0]) for x, y in zip(a, plain, strict=True)]
        assert (
            any(permuted)
            and a.spec.fingerprint["transform"]["extra"][0]["function"] == "RandomChannelPermutation()"
        )

    def test_targets_may_change_too(self, new: Callable[..., Any]) -> None:
        def flattened(images: torch.Tensor, targets: torch.Tensor) -> Any:
            return images.flatten(1), targets.argmax(1)

        for (a, b), (x, y) in zip(new(**having(Extra(flattened, "batch"))), new(), strict=True):
            assert torch.equal(a, x.flatten(1)) and torch.equal(b, y.argmax(1))

    def test_validation(self, image_folder: Path) -> None:
        transform = ValTransform(16, extra=[Extra(extras.noisy, "batch")])
        loaders = [
            val_loader(image_folder, batch_size=8, device="cpu", transform=transform) for _ in range(2)
        ]
        assert all_equal(*map(list, loaders))

    @pytest.mark.parametrize("returned", [None, torch.zeros(2, 3), (1,), (1, 2, 3), {"images": 1}], ids=type)
    def test_what_it_may_not_return(self, new: Callable[..., Any], returned: Any) -> None:
        def wrong(images: Any, targets: Any) -> Any:
            return returned

        with pytest.raises(
            TypeError, match=r"extra .*wrong at 'batch' returned a .*expected \(images, targets\)"
        ):
            next(iter(new(**having(Extra(wrong, "batch")))))

    @pytest.mark.parametrize("kind", [ZeroDivisionError, StopIteration])
    def test_an_error_keeps_its_traceback_and_loses_no_batch(
        self, new: Callable[..., Any], kind: type[Exception]
    ) -> None:
        calls = 0

        def faulty(images: Any, targets: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls == 4:
                raise kind("a slip of the user's")
            return images, targets

        given = having(Extra(faulty, "batch"))
        expected = list(new())
        loader, got = new(**given), []
        with pytest.raises(RuntimeError if kind is StopIteration else kind) as caught:
            for batch in loader:
                got.append(batch)
        error = caught.value.__cause__ if kind is StopIteration else caught.value
        assert error is not None and "slip" in str(error)
        where = error.__traceback__
        while where.tb_next is not None:
            where = where.tb_next
        assert where.tb_frame.f_code.co_name == "faulty"
        state = loader.state_dict()
        assert state["step"] == 3
        loader.load_state_dict(state)
        assert all_equal([*got, *loader], expected)


class TestViews:
    @staticmethod
    def made(image_folder: Path, *views: View, **changed: Any) -> Any:
        given: dict[str, Any] = {"batch_size": 4, "seed": 5, "device": "cpu", "output": PLAIN}
        return train_loader(image_folder, views=views, **{**given, "runtime": Runtime(1), **changed})

    def test_each_has_its_own(self, image_folder: Path) -> None:
        plain = TrainTransform(16)
        inverted = TrainTransform(16, extra=[Extra(extras.invert, "after_crop")])
        loader = self.made(image_folder, View(plain), View(inverted, window="shared"))
        for (first, second), _ in loader:
            assert torch.equal(255 - first, second)

    def test_beside_unlabelled_samples_and_after_a_resume(self, image_folder: Path) -> None:
        """Then a view is made of some rows only, unless a random operator without an input has numbers for all."""
        noisy = TrainTransform(16, extra=EVERYWHERE[:4])
        stream = Unlabelled(image_folder, batch_size=3, views=[View(noisy), View(TrainTransform(8))])
        given = {"handover": HandOver(unlabelled=stream)}
        views = View(TrainTransform(16), policy=CutMix()), View(noisy), View(noisy, 24)

        def run(loader: Any) -> list[Any]:
            return [(*images, *record.unlabelled) for images, _, record in loader]

        expected = run(self.made(image_folder, *views, **given))
        assert [tuple(x.shape[::3]) for x in expected[0]] == [(4, 16), (4, 16), (4, 24), (3, 16), (3, 8)]
        resumed = self.made(image_folder, *views, **given)
        resumed.load_state_dict(stopped(self.made(image_folder, *views, **given), 2))
        assert all_equal(run(resumed), expected[2:])

    def test_functions_on_batches_are_refused(self, image_folder: Path) -> None:
        with pytest.raises(ValueError, match="keep at place='batch' in a view"):
            self.made(image_folder, View(TrainTransform(16, extra=[Extra(extras.keep, "batch")])))

    def test_what_is_to_be_said_is_said_once(
        self, image_folder: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        transform = TrainTransform(16, extra=[Extra(extras.fixed, "after_crop")])
        self.made(image_folder, View(transform, count=2), View(transform, 24)).peek()
        assert ["gives a seed" in record.message for record in caplog.records].count(True) == 1


class TestMasks:
    def test_a_function_that_may_move_pixels_is_refused(self, folders: tuple[Path, Path]) -> None:
        moving = [Extra(extras.invert, "after_crop")]
        with pytest.raises(
            ValueError, match=r"^train_loader: .*tests.extras.invert at 'after_crop' may move pixels"
        ):
            paired_loader(folders, transform=TrainTransform(24, extra=moving))
        with pytest.raises(ValueError, match=r"^val_loader: .*moves_pixels=False"):
            val_loader(
                open_source(folders[0], masks=folders[1]),
                batch_size=4,
                transform=ValTransform(24, extra=moving),
            )

    def test_one_that_promises_not_to_leaves_the_maps_alone(self, folders: tuple[Path, Path]) -> None:
        added = [Extra(extras.invert, "after_crop", moves_pixels=False), Extra(extras.keep, "batch")]
        plain = paired_loader(folders, transform=TrainTransform(24))
        inverted = paired_loader(folders, transform=TrainTransform(24, extra=added))
        for (a, x), (b, y) in zip(plain, inverted, strict=True):
            assert torch.equal(x, y) and torch.equal(255 - a, b)
