"""Resizing by nearest neighbour on both devices, by DALI's own kernels, compiled here for the host.

`fn.resize` of label maps (ResizeMix) and of `interpolation="nearest"`. docs/gpu.md says where the devices differ.
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

Chosen = Callable[[int, int], tuple[np.ndarray, np.ndarray]]


@pytest.fixture(scope="module")
def chosen(tmp_path_factory: pytest.TempPathFactory) -> Chosen:
    """For (size before, size after) the source of each position, as the CPU and as the GPU choose it."""
    import nvidia.dali

    library = tmp_path_factory.mktemp("nearest") / "nearest.so"
    include = Path(nvidia.dali.__file__).parent / "include"
    source = Path(__file__).with_name("nearest.cc")
    command = ["nvcc", "-x", "c++", "-std=c++17", "-O1", "-shared", "-Xcompiler", "-fPIC"]
    subprocess.run([*command, "-I", str(include), str(source), "-o", str(library)], check=True)
    function = ctypes.CDLL(str(library)).nearest

    def call(before: int, after: int) -> tuple[np.ndarray, np.ndarray]:
        tables = np.arange(before, dtype=np.int32), np.zeros(after, np.int32), np.zeros(after, np.int32)
        function(before, after, *(t.ctypes.data_as(ctypes.POINTER(ctypes.c_int)) for t in tables))
        return tables[1:]

    return call


@pytest.mark.parametrize("before", [41, 57, 225])
def test_from_an_odd_size_the_devices_choose_alike(chosen: Chosen, before: int) -> None:
    for after in range(1, before + 1):
        cpu, gpu = chosen(before, after)
        np.testing.assert_array_equal(gpu, cpu)


def test_from_an_even_size_they_may_choose_different_neighbours_at_ties(chosen: Chosen) -> None:
    apart, count = 0, 0
    for after in range(22, 180):  # ResizeMix makes 10 to 80 % of 224
        cpu, gpu = chosen(224, after)
        centres = (2 * np.arange(after) + 1) * 224 / (2 * after)
        at_ties = centres == np.round(centres)
        assert np.abs(gpu - cpu).max() <= 1 and (at_ties | (gpu == cpu)).all()
        np.testing.assert_array_equal(gpu[~at_ties], np.floor(centres[~at_ties]))
        apart, count = apart + (gpu != cpu).sum(), count + after
    assert round(100 * apart / count, 1) == 1.6
