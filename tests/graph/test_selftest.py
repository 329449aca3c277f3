"""The self-test of window decoding: whatever happens in its subprocess, this process lives on and knows."""

from __future__ import annotations

import io
import json
import logging
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import simplejpeg
import torch
from PIL import Image

from dali_mixup._graph import selftest
from dali_mixup._graph.decode import Backend
from dali_mixup._graph.selftest import judged, window_decoding_works
from dali_mixup._graph.windows import (
    CONTROL,
    FAR,
    MEAN_APART,
    apart,
    decoded,
    mixed_jpegs,
    windows_pipeline,
)

CONTROLLED = f"print({CONTROL!r}, flush=True)\n"
CRASH = CONTROLLED + "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"


@pytest.fixture(autouse=True)
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A cache of the test's own; the file that verdicts are kept in."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    window_decoding_works.cache_clear()
    yield tmp_path / "dali-mixup" / "window-decoding.json"
    window_decoding_works.cache_clear()


def in_another_process(monkeypatch: pytest.MonkeyPatch, code: str) -> bool:
    """The answer of a process that has asked nothing yet, with `code` where the self-test would run."""
    window_decoding_works.cache_clear()
    monkeypatch.setattr(selftest, "CHILD", code)
    return window_decoding_works(0, 0.0)


def test_a_segmentation_fault_is_survived_said_once_and_kept(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, kept: Path
) -> None:
    with caplog.at_level(logging.WARNING, logger="dali_mixup"):
        assert not in_another_process(monkeypatch, CRASH)
        assert not window_decoding_works(0, 0.0)
    (record,) = caplog.records
    assert "exit -11" in record.getMessage() and "whole images are decoded instead" in record.getMessage()
    caplog.clear()
    assert not in_another_process(monkeypatch, CONTROLLED)  # which would pass
    assert f"to test again, delete {kept}" in caplog.text
    kept.unlink()
    assert in_another_process(monkeypatch, CONTROLLED)


def test_an_error_is_reported_with_its_text(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    code = CONTROLLED + "raise RuntimeError('nvImageCodec failure: #8')"
    with caplog.at_level(logging.WARNING, logger="dali_mixup"):
        assert not in_another_process(monkeypatch, code)
    assert "nvImageCodec failure: #8" in caplog.text


@pytest.mark.parametrize(
    "code",
    [
        "raise RuntimeError('all CUDA-capable devices are busy or unavailable')",
        "raise SystemExit(1)",  # whole images cannot be decoded either
        CONTROLLED + "raise RuntimeError('CUDA out of memory')",
        CONTROLLED + "raise RuntimeError('encountered: CUDA allocation failed')",
        CONTROLLED + "raise RuntimeError('Can\\'t allocate 129499136 bytes on device 0.')",
        CONTROLLED + "raise RuntimeError('std::bad_alloc')",
        CONTROLLED + "raise RuntimeError('NVJPEG_STATUS_ALLOCATOR_FAILURE')",
    ],
)
def test_a_gpu_that_is_full_or_taken_tells_nothing_about_its_decoder(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, kept: Path, code: str
) -> None:
    with caplog.at_level(logging.WARNING, logger="dali_mixup"):
        assert not in_another_process(monkeypatch, code)
    assert "cannot tell whether GPU 0 decodes windows" in caplog.text and not kept.exists()
    assert in_another_process(monkeypatch, CONTROLLED)


def test_a_hang_ends(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(selftest, "TIMEOUT", 0.5)
    with caplog.at_level(logging.WARNING, logger="dali_mixup"):
        assert not in_another_process(monkeypatch, CONTROLLED + "import time; time.sleep(60)")
    assert "no answer within 0.5 s" in caplog.text


def test_success_says_nothing_and_is_kept(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, kept: Path
) -> None:
    with caplog.at_level(logging.WARNING, logger="dali_mixup"):
        assert in_another_process(monkeypatch, CONTROLLED)
        assert in_another_process(monkeypatch, CRASH)  # not run any more
    assert not caplog.records
    (key,) = json.loads(kept.read_text())
    assert "nvidia-dali-cuda" in key and "nvidia-nvimgcodec" in key


def test_another_version_is_tested_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    assert in_another_process(monkeypatch, CONTROLLED)
    monkeypatch.setattr(selftest, "_driver", lambda: "driver 999.1")
    assert not in_another_process(monkeypatch, CRASH)


def test_ranks_share_one_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight that start at once: one child runs. Threads stand for ranks; the lock belongs to an opened file."""
    runs = tmp_path / "runs"
    code = CONTROLLED + f"import time; open({str(runs)!r}, 'a').write('x'); time.sleep(0.3)"
    monkeypatch.setattr(selftest, "CHILD", code)
    answers: list[bool] = []
    ranks = [
        threading.Thread(target=lambda: answers.append(window_decoding_works.__wrapped__(0, 0.0)))
        for _ in range(8)
    ]
    for rank in ranks:
        rank.start()
    for rank in ranks:
        rank.join()
    assert answers == [True] * 8 and runs.read_text() == "x"


def test_a_cache_that_cannot_be_written_costs_a_test_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "dali-mixup").write_text("a file where the folder should be")
    assert in_another_process(monkeypatch, CONTROLLED)


@pytest.mark.parametrize("home", ["/dev/null/home", None], ids=["not a folder", "unknown"])
def test_so_does_a_home_folder_that_is_not_there(monkeypatch: pytest.MonkeyPatch, home: str | None) -> None:
    monkeypatch.delenv("XDG_CACHE_HOME")
    if home is None:
        monkeypatch.delenv("HOME", raising=False)
        monkeypatch.setattr("os.getuid", lambda: 4_000_000_000)
    else:
        monkeypatch.setenv("HOME", home)
    assert in_another_process(monkeypatch, CONTROLLED)
    assert not in_another_process(monkeypatch, CRASH)


def test_a_damaged_cache_is_written_anew(monkeypatch: pytest.MonkeyPatch, kept: Path) -> None:
    kept.parent.mkdir()
    kept.write_text('{"half')
    assert in_another_process(monkeypatch, CONTROLLED)
    assert list(json.loads(kept.read_text()).values()) == [True]


def test_the_child_imports_what_this_process_imports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "only_here.py").write_text("")
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    imports = selftest.CHILD.partition("from dali_mixup")[0] + "import only_here\n"
    monkeypatch.setattr(selftest, "CHILD", imports + CONTROLLED)
    assert judged(0, 0.0).works


@pytest.mark.skipif(torch.cuda.is_available(), reason="wants a machine without a GPU")
def test_the_real_self_test_cannot_tell_where_there_is_no_gpu() -> None:
    verdict = judged(0, 0.0)
    assert verdict.works is None and "No module named" not in verdict.reason


def test_the_files_are_of_all_kinds() -> None:
    images = [Image.open(io.BytesIO(file.tobytes())) for file in mixed_jpegs()]
    assert {image.mode for image in images} == {"RGB", "L"}
    assert {bool(image.info.get("progressive")) for image in images} == {True, False}
    assert {image.layer[0][1:3] for image in images if image.mode == "RGB"} == {(1, 1), (2, 1), (2, 2)}
    assert {image.width % 2 for image in images} == {image.height % 2 for image in images} == {0, 1}
    assert len(images) == 64


def test_the_comparison_sees_other_windows_other_pixels_and_nothing_else() -> None:
    files = mixed_jpegs(8)
    cpu = Backend(gpu=False)
    ours = decoded(windows_pipeline(files, None, cpu), 1)
    assert apart(ours, decoded(windows_pipeline(files, None, cpu), 1)) == []
    rounded = [(image ^ 1) for image in ours]  # every value one level off
    assert apart(ours, rounded) == []
    assert "instead of" in apart(ours, [image[1:] for image in ours])[0]
    shifted = [np.roll(image, 8, axis=1) for image in ours]
    assert len(apart(ours, shifted)) == len(files)
    torn = [image.copy() for image in ours]
    torn[3][:2] = 0
    assert [text.partition(":")[0] for text in apart(ours, torn)] == ["image 3"]


def libjpeg_turbo(file: np.ndarray, coarse: bool) -> np.ndarray:
    """The image, decoded as Pillow does, or with libjpeg-turbo's fastest inverse DCT and without interpolated chroma:
    further from it than any other decoder should be."""
    return simplejpeg.decode_jpeg(file.tobytes(), "RGB", fastdct=coarse, fastupsample=coarse)


def test_two_decoders_agree_and_a_shift_by_one_pixel_does_not() -> None:
    files = mixed_jpegs()
    plain, coarse = ([libjpeg_turbo(file, coarse) for file in files] for coarse in (False, True))
    assert apart(plain, coarse) == []
    assert any((mine != other).any() for mine, other in zip(plain, coarse, strict=True))
    right = [image[:, 1:] for image in plain]
    down = [image[1:] for image in plain]
    assert len(apart([image[:, :-1] for image in plain], right)) == len(files)
    assert len(apart([image[:-1] for image in plain], down)) == len(files)


def test_both_bounds_are_well_away_from_two_decoders_and_from_a_shift() -> None:
    """As the comment on the bounds says."""
    files = mixed_jpegs()
    plain, coarse = ([libjpeg_turbo(file, coarse) for file in files] for coarse in (False, True))
    gaps = [np.abs(a.astype(np.int16) - b) for a, b in zip(plain, coarse, strict=True)]
    assert max(gap.mean() for gap in gaps) < MEAN_APART / 2
    assert max(gap.max() for gap in gaps) < FAR / 2
    shifts = [np.abs(image[:, 1:].astype(np.int16) - image[:, :-1]) for image in plain]
    assert min(shift.mean() for shift in shifts) > MEAN_APART * 2
