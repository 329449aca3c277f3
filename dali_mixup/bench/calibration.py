"""Images that reveal their processing: the part that a crop kept, the image it came from, and what was mixed in."""

from __future__ import annotations

import colorsys
from pathlib import Path

import numpy as np
from PIL import Image

WIDTH, HEIGHT = 400, 300
RAMPS = 32
SCENES = 8
COLOURS = 16


def ramps(folder: Path) -> list[tuple[str, int]]:
    """`RAMPS` images, one per class: red rises from left to right, green from top to bottom, so a crop's slopes show
    the share of the width and height that it kept, and the sign of red's slope shows a flip; blue identifies the
    image."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    red, green = 255 * (x + 0.5) / WIDTH, 255 * (y + 0.5) / HEIGHT
    images = [np.stack([red, green, np.full_like(red, blue_of(i))], axis=2) for i in range(RAMPS)]
    return _written(folder, images)


def blue_of(number: int) -> float:
    """Blue of the ramp image of that number: seven levels from the next one's."""
    return 16.0 + 7.0 * number


def scenes(folder: Path) -> list[tuple[str, int]]:
    """`SCENES` images, one per class, full of edges and fine grain, which show resizing without antialiasing."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    images = []
    for i in range(SCENES):
        rng = np.random.RandomState(i)
        pixels = rng.normal(0, 20, size=(HEIGHT, WIDTH, 1)) + rng.uniform(60, 180, size=3)
        for _ in range(12):
            top, left = rng.randint(HEIGHT - 40), rng.randint(WIDTH - 40)
            pixels[top : top + rng.randint(10, 120), left : left + rng.randint(10, 120)] += rng.uniform(
                -70, 70, 3
            )
        images.append(
            pixels + 40 * np.sin((x * rng.uniform(0.2, 1.2) + y * rng.uniform(0.2, 1.2))[..., None])
        )
    return _written(folder, images)


def colours(folder: Path) -> list[tuple[str, int]]:
    """`COLOURS` images, one per class, of one colour each: see `palette`."""
    return _written(folder, [np.broadcast_to(colour, (HEIGHT, WIDTH, 3)) for colour in palette()])


def palette() -> np.ndarray:
    """(COLOURS, 3) in [0, 255]: hues around the circle, every second one pale."""
    return 255 * np.array(
        [colorsys.hsv_to_rgb(i / COLOURS, 0.5 + 0.4 * (i % 2), 0.8) for i in range(COLOURS)]
    )


def _written(folder: Path, images: list[np.ndarray]) -> list[tuple[str, int]]:
    folder.mkdir(parents=True, exist_ok=True)
    samples = []
    for number, pixels in enumerate(images):
        path = folder / f"{number:03d}.jpg"
        Image.fromarray(np.clip(pixels.round(), 0, 255).astype(np.uint8)).save(
            path, quality=95, subsampling="4:4:4"
        )
        samples.append((str(path), number))
    return samples
