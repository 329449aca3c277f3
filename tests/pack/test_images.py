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
from tests.bad_images import contents, encoded, png_chunk
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


def wrong_text(png: bytes) -> bytes:
    """The PNG with a text whose checksum is wrong."""
    return png[:33] + png_chunk(b"tEXt", b"a\0b")[:-1] + b"\0" + png[33:]


def test_a_png_that_keeps_its_bytes_is_bad_exactly_where_dali_does_not_decode_it(trial: Trial) -> None:
    png = encoded(picture(80, 60), "PNG")
    for missing in (1, 4, 12, 16):
        opened(png[:-missing]).load()
        with pytest.raises(UnfitError, match=r"undecodable \(PNG of mode RGB; DALI"):
            packed_image(png[:-missing], Options(), trial)
    assert packed_image(wrong_text(png), Options(), trial).content == wrong_text(png)


def test_what_is_resized_is_bad_where_pillow_does_not_decode_it(trial: Trial) -> None:
    png = encoded(picture(80, 60), "PNG")
    assert packed_image(png[:-4], Options(shorter_side=20), trial).width == 26
    with pytest.raises(UnfitError) as raised:
        packed_image(wrong_text(png), Options(shorter_side=20), trial)
    assert str(raised.value) == "undecodable (Pillow, which resizes it: cannot identify image file)"


def test_a_jpeg_with_damage_that_only_pillow_minds_is_kept(trial: Trial) -> None:
    jpeg = encoded(picture(80, 60), "JPEG")
    jpeg = jpeg[:-1] + b"\xd8"
    with pytest.raises(OSError, match="broken data"):
        opened(jpeg).load()
    assert packed_image(jpeg, Options(), trial).kept


@pytest.mark.parametrize(
    "error", [MemoryError(), OSError(24, "Too many open files"), OSError("out of memory error when reading")]
)
def test_a_lack_of_memory_or_files_is_no_verdict(
    trial: Trial, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(_: object) -> None:
        raise error

    monkeypatch.setattr(Image, "open", fail)
    for name in ("jpeg_quality_95", "png_RGB"):
        with pytest.raises(MemoryError if "memory" in str(error) else type(error)):
            packed_image(kinds()[name], Options(shorter_side=20), trial)


def test_a_decoder_that_fails_on_every_image_of_a_size_is_no_verdict(
    trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some libraries say of a lack of memory only that the data are broken."""

    def fail(_: object) -> None:
        raise OSError("broken data stream when reading image file")

    monkeypatch.setattr(Image, "open", fail)
    with pytest.raises(MemoryError, match="not even a good image"):
        packed_image(kinds()["jpeg_progressive"], Options(shorter_side=20), trial)


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
