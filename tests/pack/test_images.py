"""One packed image: its own bytes, or the loaders' pixels resized as others resize them."""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, strategies
from nvidia.dali import Pipeline, fn
from PIL import Image
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2.functional import resize

from dali_mixup._graph.look import UnfitError
from dali_mixup._graph.trial import Trial
from dali_mixup.pack import Options
from dali_mixup.pack.images import packed_image, plain, target_size
from tests.bad_images import contents, encoded
from tests.image_kinds import DIFFERENT, HEIGHT, REFUSED, kinds
from tests.odd_images import picture

FIT = tuple(name for name in kinds() if name not in DIFFERENT | REFUSED)


@pytest.fixture(scope="module")
def trial() -> Iterator[Trial]:
    one = Trial(threads=1)
    yield one
    one.close()


def opened(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content))


def test_every_fit_kind_keeps_its_bytes_unless_it_is_resized(trial: Trial) -> None:
    for name in FIT:
        kept = packed_image(kinds()[name], Options(), trial)
        assert kept.kept and kept.content == kinds()[name], name
        assert packed_image(kinds()[name], Options(shorter_side=HEIGHT), trial).content == kinds()[name], name


def test_the_pixels_are_those_that_the_loaders_see() -> None:
    pipe = Pipeline(1, num_threads=1, device_id=None, prefetch_queue_depth=1)
    with pipe:
        given = fn.external_source(name="encoded")
        pipe.set_outputs(fn.decoders.image(given, adjust_orientation=False, jpeg_fancy_upsampling=True))
    pipe.build()
    for name in FIT:
        (decoded,) = pipe.run(encoded=[np.frombuffer(kinds()[name], np.uint8)])
        ours = np.asarray(plain(opened(kinds()[name])).convert("RGB")).astype(int)
        assert np.abs(ours - np.array(decoded.at(0))).max() <= 1, name


def test_resized_images_are_jpegs_of_torchvisions_pixels(trial: Trial) -> None:
    for name in FIT:
        if min(opened(kinds()[name]).size) <= 20:
            continue
        packed = packed_image(
            kinds()[name], Options(shorter_side=20, quality=100, subsampling="4:4:4"), trial
        )
        found = opened(packed.content)
        wanted = resize(plain(opened(kinds()[name])), [20], InterpolationMode.LANCZOS)
        assert (packed.ending, found.format, packed.kept) == ("jpg", "JPEG", False)
        assert found.size == wanted.size == (packed.width, packed.height) == (24, 20)
        assert found.mode == wanted.mode
        gaps = np.abs(np.asarray(found).astype(int) - np.asarray(wanted))
        assert gaps.mean() < 1.5 and gaps.max() <= 16, name


def test_quality_and_subsampling_are_those_asked_for(trial: Trial) -> None:
    original = encoded(picture(80, 60), "PNG")
    small = packed_image(original, Options(shorter_side=30, quality=50), trial)
    large = packed_image(original, Options(shorter_side=30, quality=95, subsampling="4:4:4"), trial)
    wanted = io.BytesIO()
    picture(80, 60).resize((40, 30), Image.Resampling.LANCZOS).save(
        wanted, "JPEG", quality=50, subsampling="4:2:0"
    )
    assert small.content == wanted.getvalue()
    assert [layer[1:3] for layer in opened(large.content).layer] == [(1, 1)] * 3
    assert [layer[1:3] for layer in opened(small.content).layer] == [(2, 2), (1, 1), (1, 1)]


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_the_loaders_refuse_is_bad(name: str, trial: Trial) -> None:
    with pytest.raises(UnfitError):
        packed_image(kinds()[name], Options(), trial)


@pytest.mark.parametrize("name", sorted(DIFFERENT))
def test_what_decodes_to_other_pixels_is_bad_where_it_keeps_its_bytes(name: str, trial: Trial) -> None:
    """Resized, it has Pillow's pixels, and every reader agrees on these."""
    with pytest.raises(UnfitError, match="other pixels"):
        packed_image(kinds()[name], Options(), trial)
    with opened(kinds()[name]) as image:
        image.load()
        size = target_size(*image.size, 20)
    assert opened(packed_image(kinds()[name], Options(shorter_side=20), trial).content).size == size


@pytest.mark.parametrize("kind", sorted(contents()))
@pytest.mark.parametrize("side", [None, 8])
def test_every_damaged_file_is_bad(kind: str, side: int | None, trial: Trial) -> None:
    if kind == "bmp_without_window" and side is not None:
        return  # decodes whole; its window fails in DALI only
    with pytest.raises(UnfitError):
        packed_image(contents()[kind], Options(shorter_side=side), trial)


def test_a_panorama_that_no_jpeg_can_hold_is_bad(trial: Trial) -> None:
    panorama = encoded(Image.new("L", (140_000, 4)), "PNG")
    assert packed_image(panorama, Options(shorter_side=1), trial).width == 35_000
    with pytest.raises(UnfitError, match=r"longer side would have 70000 pixels"):
        packed_image(panorama, Options(shorter_side=2), trial)


@given(strategies.integers(1, 3000), strategies.integers(1, 3000), strategies.integers(1, 500))
def test_sizes_are_torchvisions(width: int, height: int, side: int) -> None:
    from torchvision.transforms.functional import _compute_resized_output_size

    if min(width, height) <= side:
        return
    wanted = _compute_resized_output_size((height, width), [side])
    assert list(target_size(width, height, side)) == wanted[::-1]
