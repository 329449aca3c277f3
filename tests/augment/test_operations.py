"""Every single-image operation against Pillow's own, as timm and torchvision call it, on a photograph."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Any

import numpy as np
import pytest
import torchvision.transforms.functional as F
from nvidia.dali import Pipeline, fn, types
from PIL import Image, ImageEnhance, ImageFilter, ImageOps
from timm.data import auto_augment as timm
from torchvision.transforms import InterpolationMode

from dali_mixup.augment.compiled_graph import operated
from dali_mixup.augment.drawn import parameters_of
from dali_mixup.augment.operations import OPERATIONS, Actions, kernels_of
from dali_mixup.augment.operators import Canvas, apply

FILL = (124, 116, 104)
PIL_AFFINE: dict[str, Any] = {"fillcolor": FILL, "resample": Image.Resampling.BILINEAR}
LINEAR = types.DALIInterpType.INTERP_LINEAR
NEAREST = types.DALIInterpType.INTERP_NN


def applied(
    image: Image.Image, cases: list[tuple[str, float]], interpolation: Any = LINEAR, compiled: bool = False
) -> list[np.ndarray]:
    """The image after each operation with its value; all in one batch, so that the dealing out is tested too.

    Args:
        compiled: by the compiled kernels, which do not have JPEG.
    """
    rows, pixels = len(cases), np.asarray(image)
    height, width = pixels.shape[:2]
    actions = Actions.none(rows)
    for i, (name, value) in enumerate(cases):
        actions.put(np.arange(rows) == i, name, np.full(rows, value), height, width)
    kernels = kernels_of(name for name, _ in cases)
    names = parameters_of(kernels)
    pipe = Pipeline(batch_size=rows, num_threads=2, device_id=None, enable_checkpointing=True)

    def source(info: Any) -> tuple[Any, ...]:
        return ([pixels] * rows, *(getattr(actions, name) for name in names))

    with pipe:
        images, *made = fn.external_source(
            source=source, num_outputs=1 + len(names), batch=True, batch_info=True
        )
        nodes = dict(zip(names, made, strict=True))
        canvas = Canvas((height, width), FILL, interpolation, compiled=compiled)
        images = fn.reshape(images, layout="HWC")
        if compiled:
            layer = {f"0.{name}": node for name, node in nodes.items()}
            pipe.set_outputs(operated(images, [0], layer, canvas))
        else:
            pipe.set_outputs(apply(images, kernels, nodes, canvas))
    pipe.build()
    (out,) = pipe.run()
    return [np.array(one) for one in out]


def as_jpeg(image: Image.Image, quality: float) -> Image.Image:
    buffer = BytesIO()
    image.save(buffer, "JPEG", quality=int(quality))
    return Image.open(buffer)


# (operation, value, Pillow's image, mean and largest difference accepted in grey levels)
CASES: list[tuple[str, float, Callable[[Image.Image], Image.Image], float, int]] = [
    ("Identity", 0, lambda im: im, 0, 0),
    ("Invert", 0, ImageOps.invert, 0, 0),
    *[("Posterize", b, lambda im, b=b: timm.posterize(im, int(b)), 0, 0) for b in (1, 4, 4.9, 8)],
    *[("Solarize", t, lambda im, t=t: ImageOps.solarize(im, t), 0, 0) for t in (0, 100.5, 128, 255, 256)],
    *[
        ("SolarizeAdd", a, lambda im, a=a: timm.solarize_add(im, int(a)), 0, 0)
        for a in (0, 55, 64.9, 110, 200, 300)
    ],
    (
        "SolarizeAdd",
        -50,
        lambda im: im.point([max(i - 50, 0) if i < 128 else i for i in range(256)] * 3),
        0,
        0,
    ),
    *[
        ("Brightness", f, lambda im, f=f: ImageEnhance.Brightness(im).enhance(f), 0.01, 1)
        for f in (0.1, 0.6, 1.9)
    ],
    *[("Color", f, lambda im, f=f: ImageEnhance.Color(im).enhance(f), 0.3, 1) for f in (0, 0.1, 0.6, 1, 1.9)],
    *[
        ("Contrast", f, lambda im, f=f: ImageEnhance.Contrast(im).enhance(f), 0.5, 1)
        for f in (0.1, 0.6, 1, 1.9)
    ],
    ("AutoContrast", 0, ImageOps.autocontrast, 0.05, 1),
    # OpenCV's formula for the lookup table, not Pillow's.
    ("Equalize", 0, ImageOps.equalize, 3, 6),
    # The outermost pixels, which Pillow leaves unsharpened, and rounding where Pillow cuts off.
    *[
        ("Sharpness", f, lambda im, f=f: ImageEnhance.Sharpness(im).enhance(f), 0.4, 80)
        for f in (0.1, 0.6, 1.9)
    ],
    # Pillow's blur is three box blurs.
    *[
        ("GaussianBlur", s, lambda im, s=s: im.filter(ImageFilter.GaussianBlur(s)), 0.7, 24)
        for s in (0.1, 0.3, 0.7, 1.3, 2)
    ],
    *[("JPEG", q, lambda im, q=q: as_jpeg(im, q), 0, 0) for q in (1, 42.7, 100)],
    # Bilinear: Pillow cuts the fraction off, and at the border does not blend with the fill colour.
    *[("ShearX", v, lambda im, v=v: timm.shear_x(im, v, **PIL_AFFINE), 0.7, 130) for v in (0.27, -0.99)],
    *[("ShearY", v, lambda im, v=v: timm.shear_y(im, v, **PIL_AFFINE), 0.7, 130) for v in (0.27, -0.3)],
    *[
        ("TranslateX", v, lambda im, v=v: timm.translate_x_abs(im, v, **PIL_AFFINE), 0.7, 130)
        for v in (32, -70.4)
    ],
    *[
        ("TranslateY", v, lambda im, v=v: timm.translate_y_abs(im, v, **PIL_AFFINE), 0.7, 130)
        for v in (-17, 9.5)
    ],
    *[("Rotate", v, lambda im, v=v: timm.rotate(im, v, **PIL_AFFINE), 0.8, 130) for v in (27, -13.3, 135)],
]


Results = dict[str, dict[tuple[str, float], np.ndarray]]


@pytest.fixture(scope="module", params=[False, True], ids=["dali", "compiled"])
def results(photographs: dict[str, Image.Image], request: pytest.FixtureRequest) -> Results:
    cases = [case[:2] for case in CASES if not (request.param and case[0] == "JPEG")]
    return {
        name: dict(zip(cases, applied(photographs[name], cases, compiled=request.param), strict=True))
        for name in ("chelsea", "rocket")
    }


@pytest.mark.parametrize("number", range(len(CASES)), ids=[f"{name}-{value}" for name, value, *_ in CASES])
def test_an_operation_gives_pillows_image(
    number: int, results: Results, photographs: dict[str, Image.Image]
) -> None:
    operation, value, pillow, mean, largest = CASES[number]
    for name, images in results.items():
        if (operation, value) not in images:
            pytest.skip("the compiled kernels do not have it")
        ours = images[operation, value]
        apart = np.abs(ours.astype(int) - np.asarray(pillow(photographs[name])).astype(int))
        print(f"{CASES[number][:2]} {name}: mean {apart.mean():.3f}, max {apart.max()}")
        assert apart.mean() <= mean and apart.max() <= largest


def test_every_operation_is_compared() -> None:
    assert {case[0] for case in CASES} | {"Hue"} == set(OPERATIONS)


@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("value", [0.23, -0.37])
def test_torchvision_draws_the_same_shear(
    photographs: dict[str, Image.Image], value: float, compiled: bool
) -> None:
    """torchvision turns its strength into an angle and back; with nearest neighbours few pixels may differ."""
    image = photographs["chelsea"]
    (ours,) = applied(image, [("ShearX", value)], NEAREST, compiled)
    theirs = F.affine(
        image,
        angle=0,
        translate=[0, 0],
        scale=1,
        shear=[float(np.degrees(np.arctan(value))), 0],
        interpolation=InterpolationMode.NEAREST,
        fill=list(FILL),
        center=[0, 0],
    )
    assert (ours != np.asarray(theirs)).mean() < 0.001


@pytest.mark.parametrize("third", [1, 2])
def test_hue_is_torchvisions_at_thirds_of_a_turn(photographs: dict[str, Image.Image], third: int) -> None:
    turns = third / 3 if third == 1 else -1 / 3
    (ours,) = applied(photographs["coffee"], [("Hue", turns)])
    apart = np.abs(ours.astype(int) - np.asarray(F.adjust_hue(photographs["coffee"], turns)).astype(int))
    assert apart.mean() < 2.5  # Pillow's hue has 256 steps


@pytest.mark.parametrize("turns", [-0.1, 0.1])
def test_hue_turns_the_same_way_as_torchvisions(photographs: dict[str, Image.Image], turns: float) -> None:
    """Linear, so it is an approximation between thirds: nearer to torchvision's image than the opposite turn is."""
    theirs = np.asarray(F.adjust_hue(photographs["coffee"], turns)).astype(int)
    same, opposite = applied(photographs["coffee"], [("Hue", turns), ("Hue", -turns)])
    assert np.abs(same - theirs).mean() < 19 < np.abs(opposite - theirs).mean()


@pytest.mark.parametrize("compiled", [False, True])
def test_a_flat_image_keeps_its_values(compiled: bool) -> None:
    for name in ("AutoContrast", "Equalize"):
        (out,) = applied(Image.new("RGB", (8, 8), (7, 0, 255)), [(name, 0)], compiled=compiled)
        assert (out == (7, 0, 255)).all()


@pytest.mark.parametrize("compiled", [False, True])
def test_no_bits_leave_black(compiled: bool) -> None:
    """timm's PosterizeIncreasing at magnitude 10; recent versions of Pillow refuse it."""
    (out,) = applied(Image.new("RGB", (8, 8), (7, 100, 255)), [("Posterize", 0)], compiled=compiled)
    assert not out.any()
