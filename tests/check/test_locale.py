"""A machine without a UTF-8 locale, such as a bare container, has file names in UTF-8 all the same."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.odd_images import picture


@pytest.mark.parametrize("coercion", ["0", "1"])
def test_good_files_with_other_letters_are_fit_without_a_utf8_locale(tmp_path: Path, coercion: str) -> None:
    picture(40, 30, seed=0).save(tmp_path / "one.jpg")
    for name in ("größe", "日本"):
        (tmp_path / "data" / name).mkdir(parents=True)
        shutil.copy(tmp_path / "one.jpg", tmp_path / "data" / name / f"{name}.jpg")
    plain = {"LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": coercion}
    result = subprocess.run(
        [sys.executable, "-m", "dali_mixup", "check", "data", "--manifest", "m.jsonl"],
        cwd=tmp_path,
        env=os.environ | plain | {"PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        timeout=240,
    )
    assert result.returncode == 0, result.stderr.decode(errors="replace")
    assert b"0 unfit" in result.stdout and (tmp_path / "m.jsonl").is_file()
