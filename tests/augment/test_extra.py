"""A user's functions in the graph: where they act, what they are given, and what is refused."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from dali_mixup import (
    CutMix,
    Extra,
    HandOver,
    MixPolicy,
    MixUp,
    Output,
    Runtime,
    TrainTransform,
    ValTransform,
    train_loader,
    val_loader,
)
from dali_mixup.augment import MultiScale, RandomErasing
from tests import extras
from tests.pixel_files import folder_of, noise, png

PLAIN = Output(0.0, 1.0)
POLICY = MixPolicy([MixUp(0.8), CutMix(1.0)], granularity="sample", partners="flip")


def trained(data: Path, extra: list[Extra], **changed: Any) -> Any:
    given: dict[str, Any] = {"batch_size": 8, "seed": 3, "device": "cpu", "output": PLAIN}
    given |= {"runtime": Runtime(num_threads=2), **changed}
    transform = given.pop("transform", TrainTransform(24))
    options = {name: getattr(transform, name) for name in transform.__dataclass_fields__}
    return train_loader(data, transform=TrainTransform(**{**options, "extra": extra}), **given)


def images_of(loader: Any) -> torch.Tensor:
    return torch.cat([batch[0] for batch in loader])


@pytest.mark.parametrize("kernels", ["numba", "dali"])
@pytest.mark.parametrize("roi", [True, False])
@pytest.mark.parametrize("crop", ["resized", "padded", "rkrr"])
@pytest.mark.parametrize("place", ["after_decode", "after_crop", "before_mix"])
def test_it_acts_at_its_place(image_folder: Path, place: Any, crop: Any, roi: bool, kernels: Any) -> None:
    """Inverting does the same at each of them, but to the black border of a padded crop, which comes after decoding."""
    given = {
        "transform": TrainTransform(24, crop=crop),
        "runtime": Runtime(num_threads=2, roi_decoding=roi, cpu_kernels=kernels),
    }
    plain = images_of(trained(image_folder, [], **given))
    inverted = images_of(trained(image_folder, [Extra(extras.invert, place)], **given))
    inside = plain.sum(1) > 0
    apart = (255 - plain - inverted).abs().amax(1)
    assert apart[inside].max() <= (1 if place == "after_decode" else 0)
    border = inverted[~inside[:, None].expand_as(inverted)]
    if crop == "padded":
        assert len(border) > 1000 and (border == (0 if place == "after_decode" else 255)).all()


def test_the_decoded_window_has_the_size_of_the_file(image_folder: Path) -> None:
    """A grid that is as fine as the pixels of the window is averaged by the resize, one drawn after it is not."""
    spread = {}
    for place in ("after_decode", "after_crop"):
        made = images_of(trained(image_folder, [Extra(salt, place)], transform=TrainTransform(24)))
        spread[place] = (made - images_of(trained(image_folder, []))).std()
    assert spread["after_decode"] < 0.7 * spread["after_crop"]


def salt(images: Any) -> Any:
    return extras.fn.cast(images + extras.fn.random.normal(images, stddev=20.0), dtype=extras.UINT8)


def test_of_one_place_they_act_in_their_order(image_folder: Path) -> None:
    plain = images_of(trained(image_folder, []))
    first = [Extra(extras.invert, "after_crop"), Extra(extras.halve, "after_crop")]
    assert torch.equal(images_of(trained(image_folder, first)), torch.floor((255 - plain) / 2))
    assert torch.equal(images_of(trained(image_folder, first[::-1])), 255 - torch.floor(plain / 2))


def test_before_mix_sees_the_augmented_image_and_is_mixed(image_folder: Path) -> None:
    erased = TrainTransform(24, random_erasing=RandomErasing(1.0, place="before_mix"), color_jitter=0.4)
    given = {"transform": erased, "policy": MixUp(0.8), "handover": HandOver(clean=True)}
    inverted = [Extra(extras.invert, "before_mix")]
    for (a, _, plain), (b, _, turned) in zip(
        trained(image_folder, [], **given), trained(image_folder, inverted, **given), strict=True
    ):
        assert torch.equal(255 - plain.clean, turned.clean)
        torch.testing.assert_close(255 - a, b, atol=1e-3, rtol=0)


@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
@pytest.mark.parametrize("policy", [None, POLICY], ids=["alone", "mixed"])
def test_after_mix_it_gets_normalised_floats_of_the_output_s_memory_order(
    image_folder: Path, policy: Any, dtype: Any, channels_last: bool
) -> None:
    output = Output(dtype=dtype, channels_last=channels_last)
    given = {"output": output, "policy": policy}
    plain = images_of(trained(image_folder, [], output=Output(channels_last=channels_last), policy=policy))
    doubled = images_of(trained(image_folder, [Extra(extras.double, "after_mix")], **given))
    assert doubled.dtype == getattr(torch, dtype)
    assert torch.equal(doubled, (plain * 2).to(doubled.dtype))


@pytest.mark.parametrize("kernels", ["numba", "dali"])
def test_validation(image_folder: Path, kernels: Any) -> None:
    def made(*extra: Extra) -> torch.Tensor:
        transform = ValTransform((20, 24), 30, extra=extra)
        runtime = Runtime(num_threads=1, cpu_kernels=kernels)
        given: dict[str, Any] = {"batch_size": 8, "device": "cpu", "output": PLAIN, "runtime": runtime}
        return images_of(val_loader(image_folder, transform=transform, **given))

    plain = made()
    assert torch.equal(made(Extra(extras.invert, "after_crop")), 255 - plain)
    assert (made(Extra(extras.invert, "after_decode")) - 255 + plain).abs().max() <= 1
    assert torch.equal(made(Extra(extras.keep, "batch")), plain)


def test_sizes_and_batches_that_change(image_folder: Path) -> None:
    """Random operators without an input have as many numbers as the batch has rows."""
    everywhere = [Extra(extras.speckle, place) for place in ("after_decode", "after_crop", "before_mix")]
    everywhere += [Extra(extras.jitter, "after_mix")]
    changing = TrainTransform(MultiScale((16, 24, 40), "batch"))
    given = {"transform": changing, "policy": POLICY, "batch_size": 7, "drop_last": False}
    batches = list(trained(image_folder, everywhere, **given))
    plain = list(trained(image_folder, [], **given))
    assert [len(images) for images, _ in batches] == [7, 7, 7, 3]
    assert len({images.shape[2:] for images, _ in batches}) > 1
    for (a, x), (b, y) in zip(batches, plain, strict=True):
        assert a.shape == b.shape and torch.equal(x, y) and 1 < (a - b).abs().mean() < 60


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("channels", [1, 4])
def test_other_pixels(tmp_path: Path, channels: int, bits: int) -> None:
    """Decoded they are of the stored type, later float32 where they have 16 bits."""
    images = [noise(40, 50, channels, bits, seed=i) for i in range(8)]
    data: Any = folder_of(tmp_path, [png(image) for image in images], "png")
    output = Output(0.0, 1.0, channels=channels, bits=bits)
    given: dict[str, Any] = {"batch_size": 4, "seed": 3, "device": "cpu", "output": output}
    most = 2**bits - 1
    plain = images_of(train_loader(data, image_size=24, **given))
    assert plain.shape[1] == channels and plain.max() > most / 2
    for place in ("after_decode", "after_crop", "before_mix", "after_mix"):
        floats = place == "after_mix" or (place != "after_decode" and bits == 16)
        added: Any = [Extra(Negative(most, "FLOAT" if floats else f"UINT{bits}"), place)]
        made = images_of(train_loader(data, transform=TrainTransform(24, extra=added), **given))
        torch.testing.assert_close(made, most - plain, atol=1, rtol=1e-5)
    seen = images_of(val_loader(data, image_size=24, batch_size=4, device="cpu", output=output))
    added = [Extra(Negative(most, "FLOAT" if bits == 16 else "UINT8"), "after_crop")]
    validated = ValTransform(24, extra=added)
    made = images_of(val_loader(data, transform=validated, batch_size=4, device="cpu", output=output))
    torch.testing.assert_close(made, most - seen, atol=1e-3, rtol=1e-5)
    with pytest.raises(ValueError, match="returned float64 images"):
        train_loader(
            data, transform=TrainTransform(24, extra=[Extra(extras.as_double, "after_crop")]), **given
        ).peek()


@dataclass(frozen=True)
class Negative:
    most: int
    dtype: str

    def __call__(self, images: Any) -> Any:
        made = extras.types.Constant(float(self.most)) - images
        return extras.fn.cast(made, dtype=getattr(extras.types, self.dtype))


def test_ranks_draw_different_numbers(image_folder: Path) -> None:
    """Rank 1 of two and rank 0 see the same sample where the data are one image, again and again."""
    same = [(str(next(image_folder.rglob("*.JPEG"))), 0)] * 8
    still = TrainTransform(16, scale=(1.0, 1.0), ratio=(1.0, 1.0), hflip=0.0)
    added = [Extra(extras.speckle, "after_crop")]
    given = {"batch_size": 4, "transform": still, "world_size": 2}
    first, second = (images_of(trained(same, added, rank=rank, **given)) for rank in (0, 1))
    assert not torch.equal(first, second)


FAULTS: dict[str, tuple[Callable[..., Any], type[Exception], str]] = {
    "size": (extras.narrow, ValueError, r"uint8 images of shapes \(8, 8, 3\)"),
    "turned": (extras.turned, ValueError, r"uint8 images of shapes \(24, 16, 3\)"),
    "float": (extras.as_float, ValueError, r"returned float images.*fn.cast\(..., dtype=types.UINT8\)"),
    "bool": (extras.comparison, ValueError, r"returned bool images"),
    "dimensions": (extras.flat, ValueError, r"uint8 images of shapes \(1152,\)"),
    "nothing": (extras.nothing, TypeError, "returned a NoneType, expected a DALI node"),
    "two": (extras.two, TypeError, "returned a tuple, expected a DALI node"),
    "stop": (extras.stopping, RuntimeError, "raised StopIteration"),
    "operator": (extras.wrong_operator, RuntimeError, r"fails on images of noise.*extras\.py"),
    "checkpoint": (extras.uncheckpointed, RuntimeError, "DALI refuses its operators .*heckpointing"),
    "feed": (extras.fed_by_itself, ValueError, "external_source of its own"),
}


@pytest.mark.parametrize(("function", "kind", "said"), FAULTS.values(), ids=FAULTS)
def test_a_function_at_fault_is_named_at_the_first_batch(
    image_folder: Path, function: Any, kind: type[Exception], said: str
) -> None:
    loader = trained(image_folder, [Extra(function, "after_crop")], transform=TrainTransform((16, 24)))
    for ask in (loader.peek, lambda: next(iter(loader))):
        with pytest.raises(kind, match=f"(?s)extra tests.extras.{function.__name__}.*{said}"):
            ask()


def test_an_error_in_a_function_keeps_its_traceback(image_folder: Path) -> None:
    with pytest.raises(ZeroDivisionError, match="a slip") as caught:
        next(iter(trained(image_folder, [Extra(extras.raising, "after_decode")])))
    assert caught.traceback[-1].name == "raising"


def test_a_shape_that_only_some_images_lose_is_an_error(image_folder: Path) -> None:
    """The trial's noise cannot show it; the pixels that follow must not be read."""
    dark = Extra(extras.halve, "after_crop"), Extra(extras.shrinking_dark_images, "after_crop")
    loader = trained(image_folder, [*dark], policy=POLICY)
    with pytest.raises(ValueError, match=r"extra .*shrinking_dark_images returned images of another shape"):
        for _ in range(3):
            images_of(loader)


def test_what_no_state_has_is_said_once(image_folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    for function, said in (
        (extras.fixed, "gives a seed to fn.random.normal"),
        (extras.in_python, "calls Python"),
    ):
        caplog.clear()
        loader = trained(image_folder, [Extra(function, "before_mix")])
        with caplog.at_level(logging.WARNING, logger="dali_mixup"):
            loader.peek()
            images_of(loader)
        assert [said in record.message for record in caplog.records] == [True]


def test_nothing_is_said_of_random_operators(image_folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    images_of(trained(image_folder, [Extra(extras.speckle, "before_mix")]))
    assert not caplog.records


class TestRefused:
    @pytest.mark.parametrize(
        ("given", "kind", "said"),
        [
            ((len, "after_mixing"), ValueError, "place='after_mixing', expected one of 'after_decode'"),
            ((3, "batch"), TypeError, r"function=3 is not callable; expected a function \(images, targets\)"),
            ((lambda images: images, "after_mix"), TypeError, "no name by which a saved state could know it"),
            ((partial(lambda images, x: images, x=1), "after_mix"), TypeError, "no name by which"),
            ((extras.keep, "after_crop"), TypeError, r"keep cannot be called with 1 argument "),
            ((extras.invert, "batch"), TypeError, r"invert cannot be called with 2 arguments"),
            ((extras.invert, "after_mix", 1), TypeError, "moves_pixels=1 is a int"),
        ],
    )
    def test_an_extra(self, given: Any, kind: type[Exception], said: str) -> None:
        with pytest.raises(kind, match=f"^Extra: .*{said}"):
            Extra(*given)

    @pytest.mark.parametrize(
        "given", [None, extras.invert, Extra(extras.invert, "after_mix"), [extras.invert], "ab"]
    )
    def test_what_is_no_list_of_extras(self, given: Any) -> None:
        with pytest.raises(TypeError, match=r"^TrainTransform: extra=.*expected a list of Extra"):
            TrainTransform(extra=given)

    @pytest.mark.parametrize("place", ["before_mix", "after_mix"])
    def test_places_that_validation_does_not_have(self, place: Any) -> None:
        with pytest.raises(
            ValueError, match=f"^ValTransform: extra has tests.extras.invert at place='{place}'"
        ):
            ValTransform(extra=[Extra(extras.invert, place)])
