"""Compiled kernels are kept on disk, and made again when anything that they were compiled from has changed."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

pytest.importorskip("numba")

import numba

from dali_mixup._cpu import abi


def loaded(file: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None and spec.loader is not None
    module = sys.modules[file.stem] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def result(folder: Path, helper: str) -> int:
    """What the entry point gives that calls a helper of another file. Every helper has another length, by which Python
    tells them apart within a second."""
    (folder / "kept_helper.py").write_text(
        f"import numba\n\n@numba.njit\ndef helped():\n    return {helper}\n"
    )
    entry = folder / "kept_entry.py"
    entry.write_text(
        "from kept_helper import helped\n\ndef made():\n    def run():\n        return helped()\n    return run\n"
    )
    loaded(folder / "kept_helper.py")
    compiled = abi.entry_point(numba.types.int64(), loaded(entry).made())
    return ctypes.CFUNCTYPE(ctypes.c_int64)(compiled.address)()


def test_code_of_another_file_is_not_kept_beyond_its_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(abi, "_SOURCES", "00000001")
    assert result(tmp_path, "1") == 1
    assert result(tmp_path, "1 + 1") == 1  # Numba alone does not see it
    monkeypatch.setattr(abi, "_SOURCES", "00000002")
    assert result(tmp_path, "1 + 1 + 0") == 2


def test_the_digest_is_of_every_file(tmp_path: Path) -> None:
    folder = tmp_path / "_cpu"
    shutil.copytree(Path(abi.__file__).parent, folder)
    digests = {abi.digest_of(folder)}
    assert digests == {abi._SOURCES}
    files = sorted(folder.glob("*.py"))
    for file in files:
        file.write_text(file.read_text() + "\n")
        digests.add(abi.digest_of(folder))
    assert len(digests) == 1 + len(files) > 10


ENTRIES = """
from dali_mixup._cpu import finishing, resizing
for entry in (resizing.resize_entry, resizing.window_entry, resizing.centre_entry):
    entry("bilinear")
finishing.finish_entry(True, 0)
print(len(resizing.resize.signatures))
"""


@pytest.mark.slow  # compiles all that the other tests share
def test_resizing_is_compiled_once_for_all_that_call_it(tmp_path: Path) -> None:
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", ENTRIES], env=environment, check=True, capture_output=True, text=True
    )
    assert done.stdout == "1\n"


def test_without_a_folder_to_write_to_it_says_so_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    compiled = numba.cfunc

    def nowhere(signature: object, cache: bool = False) -> object:
        if cache:
            raise RuntimeError("no locator available")
        return compiled(signature)

    monkeypatch.setattr(numba, "cfunc", nowhere)
    abi._say_not_kept.cache_clear()
    with caplog.at_level("INFO", "dali_mixup"):
        assert [result(tmp_path, helper) for helper in ("3", "3 + 1")] == [3, 4]
    assert len(caplog.messages) == 1 and "set NUMBA_CACHE_DIR to one" in caplog.messages[0]


def test_what_is_compiled_is_said_once_and_what_is_loaded_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(abi, "_SOURCES", "00000003")
    abi._say_compiled.cache_clear()
    with caplog.at_level("INFO", "dali_mixup"):
        assert result(tmp_path, "5") == 5
        assert result(tmp_path, "5 + 0 + 0 + 0") == 5  # another file of the same name: loaded
        assert len(caplog.messages) == 1 and "compiling the kernels for this machine" in caplog.messages[0]
        abi._say_compiled.cache_clear()
        result(tmp_path, "5 + 0 + 0 + 0")
    assert len(caplog.messages) == 1
