"""What the check says about every oddity, held against what DALI and Pillow do with it."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from nvidia.dali import Pipeline, fn
from PIL import Image

from dali_mixup._graph.look import Problem
from dali_mixup._graph.trial import MOST_FILES
from dali_mixup.check import Report, Scan, scan
from dali_mixup.check.findings import Header
from dali_mixup.check.headers import read_header
from dali_mixup.sources import FileList, TarShards
from tests.odd_images import (
    COMPLAINED,
    DAMAGED,
    ROTATED,
    SILENT,
    SOUND,
    make_odd_images,
    make_unreadable,
    picture,
)

EXPECTED = {
    "truncated.jpg": Problem.TRUNCATED,
    "truncated.png": Problem.TRUNCATED,
    "bit_flipped.png": Problem.UNDECODABLE,
    "bit_flipped_header.jpg": Problem.NOT_AN_IMAGE,
    "zero_bytes.jpg": Problem.EMPTY,
    "text.jpg": Problem.NOT_AN_IMAGE,
    "html.png": Problem.NOT_AN_IMAGE,
    "gif.gif": Problem.UNSUPPORTED,
    "gif_named.jpg": Problem.UNSUPPORTED,
    "dangling.jpg": Problem.MISSING,
    "folder.jpg": Problem.UNREADABLE,
}
NAMES = (*SOUND, ROTATED, SILENT, COMPLAINED, *DAMAGED)


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> FileList:
    folder = tmp_path_factory.mktemp("odd")
    make_odd_images(folder)
    return FileList(NAMES, [0] * len(NAMES), ["odd"], root=folder)


@pytest.fixture(scope="module")
def scanned(odd: FileList) -> Scan:
    return scan(odd, threads=2)


def dali_decodes(source: FileList, index: int) -> np.ndarray | None:
    """The (H, W, 3) uint8 pixels, or None where DALI raises."""
    pipe = Pipeline(1, num_threads=1, device_id=None, prefetch_queue_depth=1)
    with pipe:
        encoded = fn.io.file.read(fn.external_source(name="path"))
        pipe.set_outputs(fn.decoders.image(encoded, adjust_orientation=False, jpeg_fancy_upsampling=True))
    pipe.build()
    try:
        (images,) = pipe.run(path=source.feed(np.array([index])))
    except RuntimeError:
        return None
    return np.array(images.at(0))


def test_every_damaged_file_is_named_with_what_is_wrong(scanned: Scan) -> None:
    assert {finding.key: finding.problem for finding in scanned.findings} == EXPECTED
    assert [finding.index for finding in scanned.findings] == sorted(f.index for f in scanned.findings)
    assert all(NAMES[finding.index] == finding.key and finding.detail for finding in scanned.findings)


@pytest.mark.parametrize("name", NAMES)
def test_the_check_says_what_dali_does(odd: FileList, scanned: Scan, name: str) -> None:
    unfit = {finding.key for finding in scanned.findings}
    assert (dali_decodes(odd, NAMES.index(name)) is None) == (name in unfit)


@pytest.mark.parametrize("name", [name for name in (*SOUND, ROTATED) if name != "grey16.png"])
def test_dali_and_pillow_decode_odd_files_to_the_same_pixels(odd: FileList, name: str) -> None:
    with Image.open(odd.name(NAMES.index(name))) as image:
        expected = np.asarray(image.convert("RGB"))
    assert np.array_equal(dali_decodes(odd, NAMES.index(name)), expected)


def test_dali_scales_16_bit_grey_down_where_pillow_clips_it(odd: FileList) -> None:
    index = NAMES.index("grey16.png")
    with Image.open(odd.name(index)) as image:
        stored = np.asarray(image)
    decoded = dali_decodes(odd, index)
    assert decoded is not None and np.abs(decoded[..., 0] - stored / 257).max() <= 1


def test_headers_say_format_size_and_rotation(odd: FileList, scanned: Scan) -> None:
    headers = dict(zip(NAMES, scanned.headers, strict=True))
    for name in (*SOUND, ROTATED, SILENT, COMPLAINED):
        header = headers[name]
        assert header is not None
        with Image.open(odd.name(NAMES.index(name))) as image:
            assert (header.format, header.width, header.height) == (image.format, *image.size)
        assert header.bytes == os.path.getsize(odd.name(NAMES.index(name)))
        assert header.rotated == (name == ROTATED)
    assert headers["png_named.JPEG"].format == "PNG"
    assert headers["text.jpg"] is None


def test_damage_that_the_decoder_remarks_on_is_reported(scanned: Scan) -> None:
    assert list(scanned.damaged) == [NAMES.index(COMPLAINED)]
    assert "Corrupt JPEG data" in scanned.damaged[NAMES.index(COMPLAINED)]


def test_exif_rotation_is_noticed_in_every_format_that_has_it(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 3
    names = ["a.jpg", "a.webp", "a.png", "a.tif"]
    for name in names:
        picture().save(tmp_path / name, exif=exif)
    (tmp_path / "broken.jpg").write_bytes(
        (tmp_path / "a.jpg").read_bytes().replace(b"II*\0", b"??*?").replace(b"MM\0*", b"????")
    )
    result = scan(FileList([*names, "broken.jpg"], [0] * 5, ["c"], root=tmp_path), threads=1)
    assert [header is not None and header.rotated for header in result.headers] == [True] * 4 + [False]
    # Of these formats Pillow turns only TIFF when it opens it, so there alone are other pixels than torchvision's.
    assert [(finding.key, finding.problem) for finding in result.findings] == [
        ("a.tif", Problem.OTHER_PIXELS)
    ]


@pytest.mark.parametrize(("value", "turned"), [(0, False), (1, False), (2, True), (8, True), (9, False)])
def test_only_orientations_that_exist_rotate(tmp_path: Path, value: int, turned: bool) -> None:
    exif = Image.Exif()
    exif[0x0112] = value
    picture().save(tmp_path / "a.jpg", exif=exif)
    header = read_header(FileList(["a.jpg"], [0], ["c"], root=tmp_path), 0, 2**28)
    assert isinstance(header, Header) and header.rotated == turned


def test_a_file_without_the_right_to_read_it_is_unreadable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture().save(tmp_path / "a.jpg")

    def refuse(path: str, flags: int) -> None:
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr("dali_mixup.sources.reading.os.open", refuse)
    (finding,) = scan(FileList(["a.jpg"], [0], ["c"], root=tmp_path), threads=1).findings
    assert (finding.problem, finding.detail) == (Problem.UNREADABLE, "Permission denied")


def test_a_file_of_mode_000_is_unreadable(tmp_path: Path) -> None:
    picture().save(tmp_path / "a.jpg")
    if not make_unreadable(tmp_path / "a.jpg"):
        pytest.skip("this user (root?) may read every file, whatever its mode")
    (finding,) = scan(FileList(["a.jpg"], [0], ["c"], root=tmp_path), threads=1).findings
    assert finding.problem is Problem.UNREADABLE


def test_bad_files_among_many_are_found_whatever_the_batch(tmp_path: Path) -> None:
    count = 2 * MOST_FILES + 5
    good, cut = tmp_path / "good.jpg", tmp_path / "cut.jpg"
    picture().save(good)
    cut.write_bytes(good.read_bytes()[:-200])
    bad = {0, MOST_FILES - 1, MOST_FILES, MOST_FILES + 1, count - 1}
    source = FileList([cut if i in bad else good for i in range(count)], [0] * count)
    done: list[int] = []
    result = scan(source, threads=2, progress=done.append)
    assert {finding.index for finding in result.findings} == bad
    assert sum(done) == count
    assert [header is not None for header in result.headers] == [True] * count


def test_images_in_shards_are_checked_alike(tmp_path: Path, odd: FileList) -> None:
    names = [name for name in NAMES if Path(odd.name(NAMES.index(name))).is_file() and name != "gif.gif"]
    with tarfile.open(tmp_path / "s.tar", "w") as tar:
        for number, name in enumerate(names):
            content = Path(odd.name(NAMES.index(name))).read_bytes()
            for member, body in ((f"{number}{Path(name).suffix}", content), (f"{number}.cls", b"0")):
                info = tarfile.TarInfo(member)
                info.size = len(body)
                tar.addfile(info, io.BytesIO(body))
    result = scan(TarShards([tmp_path / "s.tar"]), threads=2)
    assert {names[f.index]: f.problem for f in result.findings} == {
        name: problem for name, problem in EXPECTED.items() if name in names
    }


def test_the_report_of_the_odd_folder(odd: FileList, scanned: Scan) -> None:
    report = Report.of(odd, scanned)
    assert not report.fit and report.rotated == (ROTATED,) and list(report.damaged) == [COMPLAINED]
    assert report.per_class.tolist() == [len(SOUND) + 3] == [len(report.sizes)]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"source": "images"}, "source='images', expected a source"),
        ({"max_pixels": 0}, "max_pixels=0, expected an integer >= 1"),
        ({"max_pixels": "1"}, "max_pixels='1' is a str"),
        ({"threads": 0}, "threads=0, expected an integer >= 1"),
        ({"threads": 2.0}, "threads=2.0 is a float"),
        ({"kind": 3}, "kind=3, expected the kind of an output"),
        ({"progress": 3}, "progress=3 is no function; expected a function of a number of samples"),
    ],
)
def test_what_cannot_be_checked_is_refused_at_once(
    odd: FileList, given: dict[str, Any], message: str
) -> None:
    with pytest.raises((TypeError, ValueError), match=message):
        scan(**{"source": odd, **given})
