"""Every pixel that DALI's GPU kernel would read for `fn.multi_paste`, by DALI's own planning code, compiled here.

The planning is host code in a header of the wheel, so nvcc is enough; what it hands to the kernel says for each pixel
of the result where it is read from. It is compared with copying rectangle by rectangle, as the CPU operator does.
"""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.skipif(shutil.which("nvcc") is None, reason="needs nvcc (the CUDA toolkit), no GPU")

H, W, ROWS = 40, 56, 24
Planning = Callable[..., np.ndarray]


@pytest.fixture(scope="module")
def read_from(tmp_path_factory: pytest.TempPathFactory) -> Planning:
    """(H, W, 3) int: input, sample and offset in it that each pixel of a row is read from."""
    import nvidia.dali

    library = tmp_path_factory.mktemp("planning") / "planning.so"
    include = Path(nvidia.dali.__file__).parent / "include"
    source = Path(__file__).with_name("paste_planning.cu")
    command = [
        "nvcc",
        "-std=c++17",
        "-O1",
        "-shared",
        "-Xcompiler",
        "-fPIC",
        "-I",
        include,
        source,
        "-o",
        library,
    ]
    subprocess.run(list(map(str, command)), check=True, capture_output=True)
    function = ctypes.CDLL(str(library)).read_from

    def call(inputs: np.ndarray, samples: np.ndarray, start: np.ndarray, to: np.ndarray, shape: np.ndarray):  # type: ignore[no-untyped-def]
        out = np.zeros((H, W, 3), np.int32)
        tables = [np.ascontiguousarray(t, np.int32) for t in (inputs, samples, start, to, shape)]
        own = np.array([H, W], np.int32)
        pointers = [t.ctypes.data_as(ctypes.POINTER(ctypes.c_int)) for t in (*tables, own, out)]
        function(H, W, len(samples), *pointers[:5], ROWS, *pointers[5:])
        return out

    return call


def copied(inputs, samples, start, to, shape):  # type: ignore[no-untyped-def]
    """The same from copying one rectangle after the other."""
    table = np.array([(0, 0, H, W), (4, 5, 6, 7), (0, 0, 0, 0)])
    row = (np.zeros(3, int), np.array([0, 1, 0]), table[:, :2], table[:, :2], table[:, 2:])
    assert (read_from(*row) != copied(*row)).any()
