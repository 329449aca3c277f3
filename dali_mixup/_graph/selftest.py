"""Whether the GPU decodes windows of JPEGs without crashing, found out where a crash does no harm.

Some nvImageCodec versions crash on Hopper GPUs when a random crop is decoded as a window (NVIDIA/nvImageCodec
issue 55): on some machines as an error, on others as a segmentation fault, which no exception handler survives.
"""

from __future__ import annotations

import functools
import io
import logging
import subprocess
import sys

log = logging.getLogger("dali_mixup")

TIMEOUT = 120.0


@functools.cache
def window_decoding_works(gpu: int) -> bool:
    """Decodes a few windows on this GPU in a subprocess. False, logged once with the reason, if that fails; then whole
    images are decoded and cropped after it."""
    command = [sys.executable, "-m", __name__, str(gpu)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False)
        reason = None if done.returncode == 0 else f"exit {done.returncode}: {done.stderr.strip()[-300:]}"
    except subprocess.TimeoutExpired:
        reason = f"no answer within {TIMEOUT:g} s"
    if reason is not None:
        log.warning(
            "decoding windows of JPEGs on GPU %d fails (%s); whole images are decoded instead, which costs more. "
            "roi_decoding=False skips this test",
            gpu,
            reason,
        )
    return reason is None


def _decode_windows(gpu: int) -> None:
    import numpy as np
    from nvidia.dali import fn, pipeline_def
    from PIL import Image

    pixels = np.random.RandomState(0).randint(0, 256, (8, 375, 500, 3), dtype=np.uint8)
    files = []
    for image in pixels:
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, "JPEG", quality=90)
        files.append(np.frombuffer(buffer.getvalue(), np.uint8))

    @pipeline_def(batch_size=len(files), num_threads=2, device_id=gpu)
    def pipeline():  # type: ignore[no-untyped-def]
        encoded = fn.external_source(source=lambda: files, batch=True)
        return fn.decoders.image_random_crop(encoded, device="mixed", adjust_orientation=False)

    pipe = pipeline()
    pipe.build()
    for _ in range(8):
        pipe.run()[0].as_cpu()


if __name__ == "__main__":
    _decode_windows(int(sys.argv[1]))
