"""Defaults that follow another field, when that field is replaced; options that nothing uses."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dali_mixup import TrainTransform, ValTransform
from dali_mixup._epochs.state import described
from dali_mixup.augment import Chance, PixMix
from dali_mixup.augment.stage import Stage
from dali_mixup.augment.view import refuse_other_window

CROPS = st.sampled_from(["resized", "padded", "rkrc", "rkrr"])
SCALES = st.sampled_from([None, (0.08, 1.0), (0.3, 0.9)])
TRAINING = {
    "image_size": st.integers(32, 300),
    "crop": CROPS,
    "scale": SCALES,
    "ratio": st.sampled_from([None, (0.75, 4 / 3), (0.6, 1.5)]),
    "padding": st.sampled_from([4, 8]),
}
VALIDATION = {"image_size": st.integers(1, 300), "resize_size": st.none() | st.integers(1, 400)}


def outcome(make: Any) -> Any:
    """What the object says of itself, or that it was refused."""
    try:
        made = make()
    except ValueError:
        return "refused"
    return made, described(made), made.resolved


@pytest.mark.parametrize(("kind", "fields"), [(TrainTransform, TRAINING), (ValTransform, VALIDATION)])
@given(data=st.data())
def test_replacing_is_making_anew(kind: Any, fields: dict[str, Any], data: st.DataObject) -> None:
    first, second = (data.draw(st.fixed_dictionaries({}, optional=fields)) for _ in range(2))
    try:
        before = kind(**first)
    except ValueError:
        return
    assert outcome(lambda: replace(before, **second)) == outcome(lambda: kind(**{**first, **second}))


def test_the_default_follows_the_field_it_depends_on() -> None:
    assert replace(ValTransform(224), image_size=160).resolved.resize_size == 183
    assert replace(TrainTransform(224), crop="rkrc").ranges == ((0.8, 1.0), (0.9, 1 / 0.9))
    back = replace(TrainTransform(32, crop="rkrc"), crop="padded")
    assert back == TrainTransform(32, crop="padded")


def test_what_was_given_stays() -> None:
    assert replace(ValTransform(224, 256), image_size=160).resize_size == 256
    assert replace(TrainTransform(224, scale=(0.08, 1.0)), crop="rkrc").ranges[0] == (0.08, 1.0)
    with pytest.raises(ValueError, match=r"scale=\(0\.5, 1\.0\) belongs to another kind of crop"):
        replace(TrainTransform(32, crop="rkrc", scale=(0.5, 1.0)), crop="padded")


@pytest.mark.parametrize(
    ("short", "long"),
    [
        (TrainTransform(64), TrainTransform(64, scale=(0.08, 1.0), ratio=(3 / 4, 4 / 3))),
        (TrainTransform(64, crop="rkrr"), TrainTransform(64, crop="rkrr", scale=(0.8, 1.0))),
        (ValTransform(224), ValTransform(224, 256)),
    ],
)
def test_a_default_that_is_written_out_is_no_other_transform(short: Any, long: Any) -> None:
    assert described(short) == described(long) and short.resolved == long.resolved


def test_a_view_may_share_a_window_whose_defaults_are_written_out() -> None:
    refuse_other_window("views", 1, TrainTransform(64, scale=(0.08, 1.0)), TrainTransform(64))
    with pytest.raises(ValueError, match=r"scale=\(0\.5, 1\.0\), but the first view"):
        refuse_other_window("views", 1, TrainTransform(64, scale=(0.5, 1.0)), TrainTransform(64))


@pytest.mark.parametrize(
    ("options", "switch", "message"),
    [
        ({"blur_sigma": (0.1, 1.0)}, {"gaussian_blur": 0.5}, "blur_sigma=.*gaussian_blur=0.0; give gauss"),
        ({"jpeg_quality": (30, 90)}, {"jpeg": 0.5}, r"jpeg_quality=.*default, \(5, 50\)"),
        ({"color_jitter_prob": 0.8}, {"color_jitter": 0.4}, "color_jitter_prob=0.8.*color_jitter=None"),
        (
            {"color_jitter_prob": 0.8, "color_jitter": (0, 0, 0)},
            {"color_jitter": (0, 0, 0, 0.1)},
            "color_jitter_prob=0.8",
        ),
        ({"fill": (255, 255, 255)}, {"auto_augment": "ra"}, "fill=.*auto_augment=None"),
        ({"fill": (255, 255, 255)}, {"pixmix": PixMix()}, "fill="),
        (
            {"fill": (255, 255, 255), "auto_augment": "3a"},
            {"auto_augment": "augmix-m3"},
            "fill=.*auto_augment='3a'",
        ),
        (
            {"fill": (255, 255, 255), "crop": "padded"},
            {"auto_augment": "rand-m9"},
            "border of a padded crop is black, or padding_mode='reflect'",
        ),
    ],
)
def test_options_that_nothing_uses_are_refused(options: Any, switch: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        TrainTransform(32, **options)
    with pytest.raises(ValueError, match=message):
        replace(TrainTransform(32), **options)
    TrainTransform(32, **{**options, **switch})


def test_defaults_may_be_written_out() -> None:
    written = TrainTransform(
        32, fill=None, blur_sigma=(0.1, 2.0), jpeg_quality=(5, 50), color_jitter_prob=1.0, color_jitter=0.0
    )
    assert written.draws.names == TrainTransform(32).draws.names


@dataclass(frozen=True)
class Tilted(TrainTransform):
    blur_sigma: tuple[float, float] = (1.0, 1.0)
    tilt: float = 0.0

    @property
    def stages(self) -> tuple[Stage, ...]:
        return (*super().stages, Chance("Rotate", self.tilt, -10.0, 10.0))


def test_a_subclass_has_its_own_switches_and_defaults() -> None:
    assert Tilted(32, tilt=0.5, fill=(1, 2, 3)).fill == (1, 2, 3)
    with pytest.raises(ValueError, match="fill="):
        Tilted(32, fill=(1, 2, 3))
    assert type(Tilted(32, tilt=0.5).resolved) is Tilted
