"""Resizing, and the vectors by which images are mixed, read no byte behind an image: here memory that may not be read
follows its last byte."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

pytest.importorskip("numba")

CHILD = """
import ctypes, mmap
import numba, numpy as np
from dali_mixup._cpu import lanes, resizing
from dali_mixup._cpu.abi import address_of
from dali_mixup._cpu.lines import scaled_line
from dali_mixup._cpu.taps import RADIUS

PAGE, PAGES = mmap.PAGESIZE, 40
memory = mmap.mmap(-1, (PAGES + 1) * PAGE)
held = np.frombuffer(memory, np.uint8)
libc = ctypes.CDLL(None, use_errno=True)
assert libc.mprotect(ctypes.c_void_p(held.ctypes.data + PAGES * PAGE), ctypes.c_size_t(PAGE), 0) == 0

def last(size):
    return held[PAGES * PAGE - size : PAGES * PAGE]

@numba.njit
def scaled(image, row, scale, shift):
    width = image.shape[1]
    for y in range(image.shape[0]):
        scaled_line(True, address_of(row), width, 0, width, address_of(image) + 3 * width * y, scale, shift)

@numba.njit
def chosen(mask, images, made):
    for colour in lanes.load_chosen(address_of(mask), address_of(images), address_of(images)):
        lanes.store(address_of(made), colour)

ones = np.ones(3, np.float32)
for height, width in [(1, 1), (1, 200), (200, 1), (7, 10), (5, 11), (33, 32), (90, 101), (224, 224)]:
    image = last(height * width * 3).reshape(height, width, 3)
    for interpolation in RADIUS:
        for rows, columns in [(1, 1), (16, 31), (17, 33), (96, 224)]:
            out = np.zeros((rows, columns, 3), np.uint8)
            for flipped in range(4):
                resizing.resize(image, flipped, out, RADIUS[interpolation], (rows, columns), (0, 0))
    if width >= 16:
        scaled(image, np.zeros(3 * width, np.float32), ones, ones)
chosen(np.zeros(16, np.uint8), last(48), np.zeros(16, np.float32))
print("read", flush=True)
held[PAGES * PAGE].item()  # the memory behind really cannot be read
"""


def test_nothing_behind_an_image_is_read() -> None:
    done = subprocess.run([sys.executable, "-c", CHILD], capture_output=True, text=True, timeout=300)
    assert (done.stdout, done.returncode) == ("read\n", -signal.SIGSEGV), done.stderr
