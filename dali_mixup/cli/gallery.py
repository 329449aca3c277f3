"""`dali-mixup gallery`: every mixing method on two photographs, with its label weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dali_mixup._repr import escaped, short
from dali_mixup.cli.errors import usage_errors
from dali_mixup.cli.paths import path_argument, path_option
from dali_mixup.cli.pictures import check_picture, open_picture, save_picture
from dali_mixup.cli.targets import same_file

if TYPE_CHECKING:
    import numpy as np
    from PIL import Image

    from dali_mixup.methods import Method

SIZE = 224
COLUMNS = 5
SEEDS = 1000  # number of seeds tried per method
TITLE = 20  # height of the line with the method's name

# Settings that look different from the method's defaults, drawn after them.
VARIANTS: Mapping[str, Sequence[Mapping[str, Any]]] = {
    "mixup": ({"label_map": "majority"},),
    "cutmix": ({"minmax": (0.2, 0.8)},),
    "fmix": ({"max_soft": 0.2},),
    "gridmix": ({"alpha": 1.0},),
    "tokenmix": ({"shape": "random"},),
}


def gallery(
    first: Annotated[Path, path_argument("A photograph; its middle square is used.")],
    second: Annotated[Path, path_argument("Another.")],
    out: Annotated[Path, path_option("The picture to write.")] = Path("gallery.png"),
    only: Annotated[
        str | None, typer.Option(help="Names of methods, such as mixup,cutmix, in this order. Default: all.")
    ] = None,
) -> None:
    """Draw the effect of every mixing method on two photographs: the images, mixed by DALI, and their label weights."""
    from PIL import ImageOps

    import dali_mixup._graph.installed  # noqa: F401  # refuses before the work

    with usage_errors():
        methods = _methods(only)
        check_picture(out)
        if same_file(out, first) or same_file(out, second):
            raise ValueError(
                f"--out {str(out)!r} is one of the photographs, which it would replace; give another name"
            )
        images = [open_picture(path) for path in (first, second)]
    squares = [ImageOps.fit(image, (SIZE, SIZE)) for image in images]
    names = (first.stem, second.stem)
    save_picture(draw_gallery(squares, names, methods), out)
    typer.echo(escaped(f"{len(methods)} ways of mixing {names[0]} with {names[1]}: {out}"))


def _methods(only: str | None) -> list[Method]:
    """The methods to draw: all with their variants, or those that are named."""
    from dali_mixup.methods import REGISTRY

    if only is None:
        return [cls(**fields) for name, cls in REGISTRY.items() for fields in ({}, *VARIANTS.get(name, ()))]
    names = [name.strip() for name in only.split(",")]
    for name in names:
        if name not in REGISTRY:
            raise ValueError(f"--only: there is no method {name!r}, expected some of {', '.join(REGISTRY)}")
    return [REGISTRY[name]() for name in names]


def draw_gallery(
    photographs: Sequence[Image.Image], names: Sequence[str], methods: Sequence[Method]
) -> Image.Image:
    """The two photographs, and for every method the first one mixed with the second."""
    import numpy as np

    batch = np.stack([np.asarray(photograph) for photograph in photographs])
    unmixed = np.eye(2)
    cells = [_cell("unmixed", batch[i], np.array([0, 1]), unmixed[i], names) for i in range(2)]
    for method in methods:
        cells.append(_cell(short(method).removesuffix("()"), *mixed(batch, method), names))
    width, height = max(cell.width for cell in cells), max(cell.height for cell in cells)
    rows = -(-len(cells) // COLUMNS)
    return _tiled(cells, width, height, rows)


def mixed(batch: np.ndarray, method: Method) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Row 0 of a batch (2, H, W, 3) uint8 mixed by DALI: (pixels (H, W, 3) uint8, classes (k,), label weights (k,)).

    With partners="roll" the images of a row alternate, so both photographs take part in methods of four images.
    """
    import numpy as np
    from nvidia.dali import fn, pipeline_def

    from dali_mixup._decide.policy import MixPolicy
    from dali_mixup.fn import mix

    policy = MixPolicy([method], partners="roll")
    height, width = batch.shape[1:3]
    seed = visible(policy, height, width)
    plan = policy.plan(2, height, width, seed=seed, epoch=0, step=0)
    labels = [np.array([i], np.int32) for i in range(2)]

    @pipeline_def(batch_size=2, num_threads=1, device_id=None)
    def graph() -> Any:
        images = fn.external_source(source=lambda info: list(batch), batch=True, batch_info=True)
        classes = fn.external_source(source=lambda info: labels, batch=True, batch_info=True)
        return mix(images, classes, policy, image_size=(height, width), num_classes=2, seed=seed)

    pipeline = graph()
    pipeline.build()
    pixels = np.asarray(pipeline.run()[0].as_tensor())[0]
    return np.rint(pixels).astype(np.uint8), plan.partners[0], plan.weights[0]


def visible(policy: Any, height: int, width: int) -> int:
    """The first seed with which the own photograph has 40 to 65% of row 0, and every image of it at least 10%; if there
    is none, the seed with which the own photograph is nearest to a half."""
    nearest, distance = 0, float("inf")
    for seed in range(SEEDS):
        plan = policy.plan(2, height, width, seed=seed, epoch=0, step=0)
        shares = plan.pixel_weights[0]
        own = float(shares[plan.partners[0] == 0].sum())
        if 0.4 <= own <= 0.65 and shares.min() >= 0.1:
            return seed
        if abs(own - 0.5) < distance:
            nearest, distance = seed, abs(own - 0.5)
    return nearest


def _cell(
    name: str, pixels: np.ndarray, classes: np.ndarray, weights: np.ndarray, names: Sequence[str]
) -> Image.Image:
    from PIL import Image, ImageDraw, ImageFont

    from dali_mixup.viewing.contact_sheet import BACKGROUND, INK, MARGIN, contact_sheet

    sheet = contact_sheet(pixels[None], classes[None], weights[None], names, columns=1, tile=SIZE)
    cell = Image.new("RGB", (sheet.width, sheet.height + TITLE), BACKGROUND)
    cell.paste(sheet, (0, TITLE))
    font = ImageFont.load_default(size=15)
    ImageDraw.Draw(cell).text((MARGIN, MARGIN + TITLE - 6), name, INK, font, anchor="ls")
    return cell


def _tiled(cells: Sequence[Image.Image], width: int, height: int, rows: int) -> Image.Image:
    from PIL import Image

    from dali_mixup.viewing.contact_sheet import BACKGROUND

    picture = Image.new("RGB", (COLUMNS * width, rows * height), BACKGROUND)
    for i, cell in enumerate(cells):
        picture.paste(cell, (i % COLUMNS * width, i // COLUMNS * height))
    return picture
