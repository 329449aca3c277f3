"""Compiled code recognises ordinary JPEGs, and never a file that the parser would refuse."""

from __future__ import annotations

import os
import struct
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from dali_mixup._graph.look import UnfitError, look
from dali_mixup._graph.options import MAX_PIXELS
from dali_mixup.sources.feeding import padded
from tests.bad_images import NOT_FILES, contents, encoded, make
from tests.jpeg_headers import damaged, frames, jpeg, segment, segments
from tests.odd_images import ROTATED, SILENT, SOUND, picture

beginnings = pytest.importorskip("dali_mixup._cpu.beginnings")

LIMIT = 10**6


def is_usual(content: bytes, limit: int = MAX_PIXELS) -> bool:
    read = np.frombuffer(content[: beginnings.LENGTH], np.uint8)
    return bool(beginnings.is_usual(read, len(read), limit))


def recognised(*paths: Path | bytes, most: int = 10**9, pixels: int = MAX_PIXELS) -> list[bool]:
    names = padded([os.fsencode(path) for path in paths])
    found, late = beginnings.recognised(names, most, pixels, 10.0, 2)
    assert not late
    return found.tolist()  # type: ignore[no-any-return]


@pytest.mark.parametrize("mode", ["RGB", "L"])
@pytest.mark.parametrize(
    "saved",
    [{}, {"progressive": True}, {"subsampling": 0}, {"subsampling": 1}, {"quality": 100}, {"comment": b"c"}],
)
def test_usual_images_are_recognised(tmp_path: Path, mode: str, saved: dict[str, object]) -> None:
    content = encoded(picture(60, 40).convert(mode), "JPEG", **saved)
    (tmp_path / "a.jpg").write_bytes(content)
    assert recognised(tmp_path / "a.jpg") == [True]
    assert recognised(tmp_path / "a.jpg", most=len(content), pixels=60 * 40) == [True]
    assert recognised(tmp_path / "a.jpg", most=len(content) - 1) == [False]
    assert recognised(tmp_path / "a.jpg", pixels=60 * 40 - 1) == [False]


@pytest.mark.parametrize("name", [*SOUND, ROTATED, SILENT])
def test_sound_images_are_what_the_parser_says(odd: Path, name: str) -> None:
    if recognised(odd / name) == [True]:
        found = look((odd / name).read_bytes(), MAX_PIXELS)
        assert (found.format, found.bits) == ("JPEG", 8)


def test_others_are_left_to_the_parser(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    others = {
        "exif": encoded(picture(60, 40), "JPEG", exif=exif.tobytes()),
        "cmyk": encoded(picture(60, 40).convert("CMYK"), "JPEG"),
        "long": encoded(picture(60, 40), "JPEG", comment=bytes(beginnings.LENGTH)),
        "png": encoded(picture(60, 40), "PNG"),
        "empty": b"",
    }
    for name, content in others.items():
        (tmp_path / name).write_bytes(content)
    assert not any(recognised(*(tmp_path / name for name in others)))


@pytest.mark.parametrize("kind", [*contents(), *NOT_FILES])
def test_nothing_bad_is_recognised(tmp_path: Path, kind: str) -> None:
    make(kind, tmp_path / "a.jpg")
    if recognised(tmp_path / "a.jpg") == [True]:
        look((tmp_path / "a.jpg").read_bytes(), MAX_PIXELS)


def test_what_is_no_regular_file_is_not_opened(tmp_path: Path) -> None:
    """Opening a FIFO for reading would release a writer that waits for a reader."""
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "fifo")
    opened = threading.Event()

    def write() -> None:
        os.close(os.open(tmp_path / "fifo", os.O_WRONLY))
        opened.set()

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    time.sleep(0.05)
    names = [tmp_path / name for name in ("fifo", "folder", "link", "missing")]
    assert recognised(*names, b"", b"/dev/zero") == [False] * 6
    assert not opened.wait(0.05)
    os.close(os.open(tmp_path / "fifo", os.O_RDONLY))
    assert opened.wait(20)


def test_names_of_any_length(tmp_path: Path) -> None:
    content = encoded(picture(60, 40), "JPEG")
    names = ["a", "b" * 255, "ä\udcff" * 9, "c d\n"]
    for name in names:
        (tmp_path / name).write_bytes(content)
    paths = [os.fsencode(tmp_path / name) for name in names]
    assert recognised(*paths) == [True] * 4
    assert recognised(paths[0], paths[0] + b"\0", paths[0] + b"\0x", paths[0] + b"x") == [
        True,
        True,
        False,
        False,
    ]
    apart = padded([path.ljust(300, b"\0") for path in paths]).repeat(2, axis=0)[::2]
    assert beginnings.recognised(apart, 10**9, MAX_PIXELS, 10.0, 2)[0].all()
    assert recognised(*paths, most=2**70, pixels=2**70) == [True] * 4


def test_a_file_is_recognised_from_the_whole_header_of_its_scan_on() -> None:
    content = encoded(picture(40, 30), "JPEG", comment=b"\xff\xda\xff\xc0" * 9)
    start = content.rindex(b"\xff\xda")
    end = start + 2 + struct.unpack_from(">H", content, start + 2)[0]
    assert [is_usual(content[:length]) for length in range(end + 30)] == [
        length >= end for length in range(end + 30)
    ]


def refuted(content: bytes) -> str:
    """What the parser has against a file; "" if nothing."""
    try:
        look(content, MAX_PIXELS)
    except UnfitError as error:
        return str(error)
    return ""


SCAN = b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00"
FRAME = (0xC0, 8, (30, 40), [0x22, 0x11, 0x11], 0)
LONG = segment(
    0xC0, struct.pack(">BHHB", 8, 30, 40, 3) + bytes([1, 0x22, 0, 2, 0x11, 0, 3, 0x11, 0]) + bytes(3)
)


@pytest.mark.parametrize("marker", [0xC0, 0xC2])
@pytest.mark.parametrize(
    "sampling", [[0x11], [0x22], [0x11, 0x11, 0x11], [0x21, 0x11, 0x11], [0x12, 0x11, 0x11]]
)
def test_usual_frames(marker: int, sampling: list[int]) -> None:
    content = jpeg([(marker, 8, (30, 40), sampling, 0)], SCAN)
    assert is_usual(content) and not refuted(content)


@pytest.mark.parametrize(
    "parts",
    [
        [],
        [FRAME, FRAME],
        [LONG],
        *[[(0xC0, 8, (30, 40), [0x22] + [0x11] * others, 0)] for others in (1, 3, 4, 9)],
        [(0xC0, 8, (30, 40), [], 0)],
        *[[(0xC0, 8, (30, 40), FRAME[3], lie)] for lie in (-9, -3, -1, 1, 3)],
        *[[(0xC0, 8, (30, 40), [first, 0x11, 0x11], 0)] for first in (0x00, 0x33, 0x41, 0x44, 0xF1)],
        *[
            [(0xC0, 8, (30, 40), sampling, 0)]
            for sampling in ([0x22, 0x22, 0x11], [0x22, 0x11, 0x21], [0x41])
        ],
        *[[(0xC0, 8, size, FRAME[3], 0)] for size in ((0, 40), (30, 0), (65535, 65535))],
        *[[(0xC0, bits, (30, 40), FRAME[3], 0)] for bits in (0, 7, 12, 16)],
        *[[(marker, *FRAME[1:])] for marker in (0xC1, 0xC3, 0xC5, 0xC9, 0xCA, 0xCF)],
    ],
)
def test_other_frames_are_left_to_the_parser(parts: list[object]) -> None:
    assert not is_usual(jpeg(parts, SCAN))


@pytest.mark.parametrize(
    "scan", [b"\x00\x02", b"\x00\x06\x00", b"\x00\x08\x02", b"\x00\x0e\x04", b"\x00\x07\x01"]
)
def test_other_scans_are_left_to_the_parser(scan: bytes) -> None:
    assert not is_usual(jpeg([FRAME], b"\xff\xda" + scan + bytes(12)))


def test_a_scan_at_the_end_of_what_was_read() -> None:
    """Nothing is read behind the `read` bytes: what lies there is not the file's."""
    content = jpeg([FRAME], b"")[:-302] + b"\xff\xda"
    for length in (2, 6, 8, 12):
        held = np.frombuffer(content + bytes([0, length, 1, 1, 0, 0, 63, 0]) + bytes(9), np.uint8)
        told = [
            bool(beginnings.is_usual(held, read, MAX_PIXELS))
            for read in range(len(content), len(content) + 9)
        ]
        assert told == [
            length == 8 and read == len(content) + 8 for read in range(len(content), len(content) + 9)
        ]


near_usual = st.tuples(
    st.sampled_from([0xC0, 0xC0, 0xC2, 0xC2, 0xC1]),
    st.sampled_from([8] * 9 + [12]),
    st.tuples(st.sampled_from([1, 30, 65535]), st.sampled_from([1, 40, 65535])),
    st.sampled_from(
        [[first] + [0x11] * others for first in (0x11, 0x22, 0x21, 0x12, 0x41) for others in (0, 2, 2, 3, 4)]
    ),
    st.sampled_from([0] * 9 + [1, -3]),
)


@given(
    st.lists(st.one_of(near_usual, frames, segments, segments), max_size=3),
    near_usual,
    st.sampled_from([SCAN, SCAN, b"\xff\xda\x00\x0c\x03" + bytes(9), b"\xff\xda\x00\x02"]),
)
@settings(max_examples=2000)
def test_frames_of_every_kind_alone_doubled_and_among_other_segments(
    parts: list[object], frame: object, scan: bytes
) -> None:
    content = jpeg([*parts, frame], scan)
    assert not is_usual(content) or not refuted(content)


markers = st.sampled_from([0xC4, 0xDB, 0xDD, 0xFE, *range(0xE0, 0xF0), 0xC8, 0x01, 0xD0, 0xFF])
words = st.sampled_from(
    [b"JFIF\0", b"Exif\0\0", b"Adobe", b"ICC_PROFILE\0", b"MPF\0", b"\xff\xda", b"\xff\xc0"]
)
junk = st.lists(st.one_of(words, st.binary(max_size=40)), max_size=4).map(b"".join)
usual_frames = st.tuples(
    st.sampled_from([0xC0, 0xC2]), st.just(8), st.just((30, 40)), st.just([0x22, 0x11, 0x11]), st.just(0)
)


@given(
    st.lists(st.tuples(markers, junk, st.sampled_from([0] * 8 + [-1, 1])), max_size=5),
    usual_frames,
    st.lists(st.tuples(markers, junk), max_size=3),
)
@settings(max_examples=1000)
def test_segments_of_any_content(
    before: list[tuple[int, bytes, int]], frame: object, after: list[tuple[int, bytes]]
) -> None:
    content = jpeg([*(segment(*part) for part in before), frame, *(segment(*part) for part in after)])
    assert not is_usual(content) or not refuted(content)


def test_junk_in_headers() -> None:
    """Bytes of the header changed at random."""
    content = encoded(picture(40, 30), "JPEG")
    start = content.rindex(b"\xff\xda")
    rng = np.random.RandomState(0)
    accepted = 0
    for _ in range(3000):
        changed = damaged(content, start + 12, rng)
        if is_usual(changed):
            accepted += 1
            assert not refuted(changed)
    assert 100 < accepted < 2900
