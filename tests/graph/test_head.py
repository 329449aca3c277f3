"""The header from the beginning of a file is that of the whole file, or none."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from dali_mixup._graph import head as heads
from dali_mixup._graph.head import Head, look_at, look_in
from dali_mixup._graph.look import Look, UnfitError, look
from dali_mixup._graph.options import MAX_PIXELS
from dali_mixup.sources import FileList
from tests.bad_images import contents, encoded, make
from tests.jpeg_headers import damaged, frames, jpeg, segments
from tests.odd_images import ROTATED, SILENT, SOUND, picture

LIMIT = 10**6


def whole(content: bytes, limit: int = LIMIT) -> Look | str:
    try:
        return look(content, limit)
    except UnfitError as error:
        return str(error)


def from_head(path: Path, limit: int = LIMIT) -> Look | str | None:
    try:
        return Head().look(str(path), limit)
    except UnfitError as error:
        return str(error)


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Heads that end in the middle of the compressed data of small images."""
    monkeypatch.setattr(heads, "LENGTH", 1024)


@pytest.mark.parametrize("name", [*SOUND, ROTATED, SILENT])
def test_sound_images(odd: Path, name: str, short: None) -> None:
    content = (odd / name).read_bytes()
    assert from_head(odd / name) in (None, whole(content))
    assert look_at(FileList([odd / name], [0]), 0, LIMIT, Head()) == whole(content)


@pytest.mark.parametrize("name", [*SOUND, ROTATED, SILENT])
def test_sound_images_in_memory(odd: Path, name: str, short: None) -> None:
    content = (odd / name).read_bytes()
    for held in (content, np.frombuffer(content, np.uint8)):
        assert look_in(held, LIMIT) == whole(content)


@pytest.mark.parametrize("kind", contents())
def test_bad_images_in_memory(kind: str, short: None) -> None:
    content = contents()[kind]
    try:
        found: Look | str = look_in(content, MAX_PIXELS)
    except UnfitError as error:
        found = str(error)
    assert found == whole(content, MAX_PIXELS)


def test_only_the_beginning_in_memory_is_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    content = encoded(picture(900, 900, 0), "JPEG")
    given = []
    parsed = heads.parsed
    monkeypatch.setattr(heads, "parsed", lambda part, size: given.append(len(part)) or parsed(part, size))
    assert len(content) > heads.LENGTH and look_in(content, LIMIT) == whole(content)
    assert given == [heads.LENGTH]


@pytest.mark.parametrize("kind", contents())
def test_bad_images(tmp_path: Path, kind: str, short: None) -> None:
    make(kind, tmp_path / "a.jpg")
    expected = whole(contents()[kind], MAX_PIXELS)
    assert from_head(tmp_path / "a.jpg", MAX_PIXELS) in (None, expected)
    source = FileList([tmp_path / "a.jpg"], [0])
    try:
        found: Look | str = look_at(source, 0, MAX_PIXELS, Head())
    except UnfitError as error:
        found = str(error)
    assert found == expected


def test_most_jpegs_need_no_more(tmp_path: Path) -> None:
    content = encoded(picture(500, 375), "JPEG", quality=95)
    assert len(content) > 2 * heads.LENGTH
    (tmp_path / "a.jpg").write_bytes(content)
    assert from_head(tmp_path / "a.jpg") == Look("JPEG", 500, 375, 3, len(content), 8, "SYCC")
    assert from_head(tmp_path / "a.jpg", 500 * 375 - 1) == whole(content, 500 * 375 - 1)


@pytest.mark.parametrize("profile", [0, 1000, heads.LENGTH, 60_000, 200_000])
@pytest.mark.parametrize("kind", [{}, {"progressive": True}, {"subsampling": 0}, {"quality": 100}])
def test_a_header_is_told_from_the_beginning_only_if_it_is_all_there(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], profile: int, kind: dict[str, int]
) -> None:
    content = encoded(picture(200, 100), "JPEG", icc_profile=bytes(profile), **kind)
    (tmp_path / "a.jpg").write_bytes(content)
    found = from_head(tmp_path / "a.jpg")
    assert found == (None if profile >= heads.LENGTH else whole(content))
    assert look_at(FileList([tmp_path / "a.jpg"], [0]), 0, LIMIT, Head()) == whole(content)
    assert capfd.readouterr().err == "", "the parser complains about headers that are cut off"


def test_a_cut_at_every_byte_of_a_header(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the beginning says, the whole file says too."""
    content = encoded(picture(40, 30), "JPEG", exif=orientation(), comment=b"\xff\xda\xff\xc0" * 9)
    (tmp_path / "a.jpg").write_bytes(content)
    start = content.rindex(b"\xff\xda")
    told = []
    for length in range(start + 30):
        monkeypatch.setattr(heads, "LENGTH", length)
        found = from_head(tmp_path / "a.jpg")
        assert found in (None, whole(content))
        told.append(found is not None)
    assert told == [length >= start + 4 for length in range(start + 30)]


def test_junk_in_headers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes of the header changed at random: the beginning never accepts what the whole file is refused for."""
    content = encoded(picture(40, 30), "JPEG", exif=orientation())
    start = content.rindex(b"\xff\xda")
    rng = np.random.RandomState(0)
    accepted = 0
    for _ in range(1500):
        changed = damaged(content, start + 12, rng)
        (tmp_path / "a.jpg").write_bytes(changed)
        monkeypatch.setattr(heads, "LENGTH", int(rng.randint(4, start + 40)))
        found = from_head(tmp_path / "a.jpg")
        assert found in (None, whole(changed))
        accepted += isinstance(found, Look)
    assert 50 < accepted < 1450


def test_a_frame_that_reaches_beyond_its_segment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A frame header whose length is a lie is read on by the parser."""
    frame = b"\xff\xc0" + struct.pack(">HBHHB", 2, 8, 30, 40, 3) + bytes(9)
    content = b"\xff\xd8" + frame + b"\xff\xda" + bytes(2000)
    (tmp_path / "a.jpg").write_bytes(content)
    for length in range(4, 40):
        monkeypatch.setattr(heads, "LENGTH", length)
        assert from_head(tmp_path / "a.jpg") in (None, whole(content))


@given(st.lists(st.one_of(frames, segments), min_size=1, max_size=4))
@settings(max_examples=1000)
def test_frames_of_every_kind_alone_doubled_and_among_other_segments(parts: list[object]) -> None:
    content = jpeg(parts)
    try:
        found: Look | str = look_in(content, MAX_PIXELS)
    except UnfitError as error:
        found = str(error)
    assert found == whole(content, MAX_PIXELS)


@pytest.mark.parametrize("marker", [0xC0, 0xC2, 0xE0, 0xE1, 0xEE, 0xFE])
@pytest.mark.parametrize("length", range(2, 20))
@pytest.mark.parametrize("after", [0, 1, 2, 10])
def test_a_short_segment_before_the_end_of_a_file(marker: int, length: int, after: int) -> None:
    """The parser reads on behind a segment that is too short. What it cannot read there must not reach the decoder: one
    such file of 29 bytes ended the process with SIGSEGV."""
    frame = b"\xff\xc0" + struct.pack(">HBHHB", 17, 8, 30, 40, 3) + bytes([1, 34, 0, 2, 17, 1, 3, 17, 1])
    segment = struct.pack(">BBH", 0xFF, marker, length) + bytes(length - 2)
    for parts in ([frame, segment], [segment, frame], [segment]):
        content = b"".join([b"\xff\xd8", *parts, b"\xff\xda\x00\x0c", bytes(after)])
        try:
            found: Look | str = look_in(content, MAX_PIXELS)
        except UnfitError as error:
            found = str(error)
        assert found == whole(content, MAX_PIXELS)


def orientation() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif.tobytes()
