"""The example with video clips: drawn, written as WebM, decoded and mixed by DALI, learnt from."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "video.py"


def test_the_network_learns_what_moves_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("av")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    main = runpy.run_path(str(EXAMPLE))["main"]
    assert main([str(tmp_path / "clips")]) > 0.75, "a single frame tells nothing: 25% by chance"
    assert "of 64 clips correct" in capsys.readouterr().out
    assert main([str(tmp_path / "clips"), "--epochs", "0"]) < 0.5, "clips that are there are not drawn again"


def test_clips_are_drawn_completely_or_not_at_all(tmp_path: Path) -> None:
    pytest.importorskip("av")
    main = runpy.run_path(str(EXAMPLE))["main"]

    def interrupted(file: Path, clip: np.ndarray) -> None:
        file.write_bytes(b"")
        raise KeyboardInterrupt

    main.__globals__["write"] = interrupted
    with pytest.raises(KeyboardInterrupt):
        main([str(tmp_path / "of" / "mine" / "clips")])
    assert not list((tmp_path / "of" / "mine").iterdir()), "a folder that is there is taken for complete"


@pytest.mark.parametrize("training", [True, False])
def test_clips_that_are_too_short_are_not_filled_with_black(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, training: bool
) -> None:
    pytest.importorskip("av")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    made = runpy.run_path(str(EXAMPLE))
    for name, frames in (("left", made["FRAMES"] + 4), ("right", made["FRAMES"] - 2)):
        (tmp_path / name).mkdir()
        made["write"](tmp_path / name / "0.webm", np.full((frames, 40, 40, 3), 200, np.uint8))
    pipeline = made["clips"](tmp_path, training, batch_size=2, num_classes=2)
    if training:
        with pytest.raises(RuntimeError, match="shape"):
            pipeline.run()
    else:
        assert not pipeline.run()[0].is_dense_tensor(), "which DALI's iterator refuses"


def test_class_folders_that_differ_are_refused(tmp_path: Path) -> None:
    pytest.importorskip("av")
    for folder in ("train/left", "train/right", "val/right"):
        (tmp_path / folder).mkdir(parents=True)
    with pytest.raises(ValueError, match=r"has the class folders \['left'\]; expected the same in both"):
        runpy.run_path(str(EXAMPLE))["main"]([str(tmp_path)])
