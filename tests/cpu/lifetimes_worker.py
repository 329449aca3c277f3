"""Prints a digest of small images resized, and of mixed ones, by the kernels."""

from __future__ import annotations

import hashlib

import numpy as np

from dali_mixup import MixPolicy
from dali_mixup._cpu.resizing import resize
from dali_mixup._cpu.taps import RADIUS
from tests.cpu.test_mixing import EVERY, Dense, noise, ran


def main() -> None:
    digest = hashlib.sha256()
    for height in range(1, 9):
        for width in range(1, 9):
            image = noise(1, height, width)[0]
            for size in ((24, 32), (3, 2), (17, 5)):
                for radius in RADIUS.values():
                    out = np.zeros((*size, 3), np.uint8)
                    resize(image, 0, out, radius, size, (0, 0))
                    digest.update(out.tobytes())
    policy = MixPolicy([*EVERY, Dense()], granularity="sample", prob=0.9)
    for height, width in ((9, 8), (20, 17)):
        for mixed in ran(noise(16, height, width), policy, True, steps=6):
            digest.update(mixed.tobytes())
    print(digest.hexdigest())


if __name__ == "__main__":
    main()
