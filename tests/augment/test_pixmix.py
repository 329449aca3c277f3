"""PixMix: its laws and its arithmetic, as its authors' code has them. Error rate of each test of a law: 1e-4."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from nvidia.dali import Pipeline, fn, types
from PIL import Image
from scipy import stats

from dali_mixup import HandOver, Output, TrainTransform, Unlabelled, View, train_loader
from dali_mixup.augment.drawn import parameters_of
from dali_mixup.augment.draws import further_of, names_of
from dali_mixup.augment.layers_graph import Layers
from dali_mixup.augment.levels_augmix import random_operations
from dali_mixup.augment.operations import Actions, Kernel
from dali_mixup.augment.operators import Canvas
from dali_mixup.augment.pixmix import PICTURES, Mixing, PixMix, powers
from dali_mixup.augment.stage_graph import after_stage
from tests.augment.test_policies import ALPHA, HEIGHT, ROWS, WIDTH, assert_same_law, of_calls, summary

N = 24
LINEAR = types.DALIInterpType.INTERP_LINEAR


def their_operation(rng: np.random.RandomState, severity: float) -> tuple[str, float]:
    """One operation of the authors' `augmentations_all`, and the value that Pillow gets."""
    level = rng.uniform(0.1, severity)
    name = rng.choice([
        *("AutoContrast", "Equalize", "Posterize", "Rotate", "Solarize", "ShearX", "ShearY"),
        *("TranslateX", "TranslateY", "Color", "Contrast", "Brightness", "Sharpness"),
    ])  # fmt: skip
    sign = -1 if rng.uniform() > 0.5 else 1
    values = {
        "Posterize": 4 - int(level * 4 / 10),
        "Rotate": sign * int(level * 30 / 10),
        "Solarize": 256 - int(level * 256 / 10),
        **dict.fromkeys(("ShearX", "ShearY"), sign * level * 0.3 / 10),
        "TranslateX": sign * int(level * WIDTH / 3 / 10),
        "TranslateY": sign * int(level * HEIGHT / 3 / 10),
        **dict.fromkeys(("Color", "Contrast", "Brightness", "Sharpness"), level * 1.8 / 10 + 0.1),
    }
    return str(name), float(values.get(str(name), 0.0))


@pytest.mark.parametrize("severity", [1.0, 3.0, 10.0])
def test_operations_are_the_authors(severity: float) -> None:
    rng = np.random.RandomState(1)
    theirs = of_calls([[their_operation(rng, severity)] for _ in range(ROWS)])
    actions = random_operations(np.random.RandomState(0), ROWS, HEIGHT, WIDTH, severity, all_ops=True)
    values = {
        Kernel(k).name: summary(actions, actions.kernel == k).round(2).tolist()
        for k in np.unique(actions.kernel)
    }
    sequences = {(Kernel(k).name,): int((actions.kernel == k).sum()) for k in np.unique(actions.kernel)}
    assert_same_law((values, Counter(sequences)), theirs)


def test_without_all_ops_nothing_of_imagenet_c_is_drawn() -> None:
    actions = random_operations(np.random.RandomState(0), 2000, 32, 32, 3.0, all_ops=False)
    drawn = {Kernel(k) for k in np.unique(actions.kernel)}
    assert drawn == PixMix(all_ops=False).layers[0]
    assert not drawn & {Kernel.COLOUR, Kernel.CONTRAST, Kernel.BRIGHTNESS, Kernel.SHARPNESS}


@pytest.mark.parametrize("beta", [1.0, 3.0, 4.0])
def test_powers_are_the_authors(beta: float) -> None:
    a, b = powers(np.random.RandomState(0), ROWS, beta)
    within = a <= 1
    assert stats.binomtest(int(within.sum()), ROWS, 0.5).pvalue > ALPHA
    assert ((b >= 0) == within).all()
    for drawn, law in (
        (a[within], stats.beta(beta, 1)),
        (b[within], stats.beta(1, beta)),
        (a[~within] - 1, stats.beta(1, beta)),
        (-b[~within], stats.beta(1, beta)),
    ):
        assert stats.kstest(drawn, law.cdf).pvalue > ALPHA
    for rows in (within, ~within):
        assert stats.spearmanr(a[rows], b[rows]).pvalue > ALPHA


def test_rounds_are_the_authors() -> None:
    stage = PixMix(k=3)
    arrays = dict(zip(stage.further, stage.draw_further(np.random.RandomState(0), ROWS), strict=True))
    mixings = np.stack([arrays[f"mixing{i}"] for i in range(3)])
    rounds = (mixings != Mixing.NONE).sum(axis=0)
    assert ((mixings == Mixing.NONE) == (np.arange(3)[:, None] >= rounds)).all()
    assert stats.chisquare(np.bincount(rounds, minlength=4)).pvalue > ALPHA
    for i in range(3):
        added, pictures = (mixings[i] == Mixing.ADD)[rounds > i], arrays[f"picture{i}"]
        assert stats.binomtest(int(added.sum()), len(added), 0.5).pvalue > ALPHA
        assert stats.binomtest(int(pictures.sum()), ROWS, 0.5).pvalue > ALPHA
    own = stage.draw(np.random.RandomState(1), ROWS, 32, 32)[0].kernel
    assert stats.binomtest(int((own == Kernel.NONE).sum()), ROWS, 0.5).pvalue > ALPHA


def run(
    stage: PixMix,
    pixels: np.ndarray,
    arrays: dict[str, np.ndarray],
    layers_too: bool,
    device_id: int | None = None,
) -> list[np.ndarray]:
    """The images after the stage, and after each of its layers alone."""
    canvas = Canvas(pixels.shape[1:3], (0, 0, 0), LINEAR)
    pipe = Pipeline(batch_size=len(pixels), num_threads=2, device_id=device_id, enable_checkpointing=True)
    with pipe:
        images, *made = fn.external_source(
            source=lambda info: (pixels, *arrays.values()),
            num_outputs=1 + len(arrays),
            batch=True,
            batch_info=True,
        )
        images = images if device_id is None else images.gpu()
        images, nodes = fn.reshape(images, layout="HWC"), dict(zip(arrays, made, strict=True))
        layers = (
            [Layers(stage, 0, canvas)(i, images, nodes) for i in range(1 + stage.k)] if layers_too else []
        )
        pipe.set_outputs(after_stage(images, stage, 0, nodes, canvas), *layers)
    pipe.build()
    return [(out if device_id is None else out.as_cpu()).as_array() for out in pipe.run()]


def drawn(stage: PixMix, rows: int, side: int, pictures: int) -> dict[str, np.ndarray]:
    """The arrays of `rows` images, the last of which are pictures."""
    rng = np.random.RandomState(5)
    actions: list[Actions] = stage.draw(rng, rows, side, side)
    arrays = [getattr(a, f) for a, k in zip(actions, stage.layers, strict=True) for f in parameters_of(k)]
    arrays += stage.draw_further(rng, rows)
    own = rows - pictures
    row = own + np.arange(rows, dtype=np.int32) % pictures
    given = {PICTURES[0]: row, PICTURES[1]: np.arange(rows) < own}
    return dict(zip(names_of(stage, 0), arrays, strict=True)) | given


def test_pixels_are_those_of_the_formulas(photographs: dict[str, Image.Image]) -> None:
    """The authors' `add` and `multiply` on [0, 1] in float64, on copies that the operations gave."""
    side, pictures, stage = 64, 4, PixMix()
    source = [np.asarray(each.resize((side, side))) for each in photographs.values()]
    pixels = np.stack([source[i % 4] for i in range(N + pictures)])
    pixels[0, :8] = 0
    arrays = drawn(stage, len(pixels), side, pictures)
    got, *copies = run(stage, pixels, arrays, layers_too=True)
    further = further_of(stage, 0)
    for i in range(N):
        mixed = copies[0][i] / 255
        for r in range(stage.k):
            mixing, picture, a, b = (
                arrays[further[f"{name}{r}"]][i] for name in ("mixing", "picture", "a", "b")
            )
            if mixing == Mixing.NONE:
                break
            other = (pixels[arrays[PICTURES[0]][i]] if picture else copies[1 + r][i]) / 255
            if mixing == Mixing.ADD:
                mixed = (a * (mixed * 2 - 1) + b * (other * 2 - 1) + 1) / 2
            else:
                mixed = (mixed * 2) ** float(a) * (other * 2).clip(1e-37) ** float(b) / 2
            mixed = mixed.clip(0, 1)
        assert np.abs(got[i] - 255 * mixed).max() <= 0.51, i
    assert (got[N:] == pixels[N:]).all(), "pictures stay as they are"
    assert (got[:N] != pixels[:N]).any()


@pytest.mark.gpu
def test_the_gpu_gives_the_cpus_images(photographs: dict[str, Image.Image]) -> None:
    """Rounding apart, which equalising, thresholds and powers can turn into more at a few pixels."""
    pixels = np.stack([np.asarray(each.resize((96, 96))) for each in photographs.values()] * 4)
    stage = PixMix()
    arrays = drawn(stage, len(pixels), 96, 4)
    cpu, gpu = (run(stage, pixels, arrays, False, device)[0].astype(int) for device in (None, 0))
    assert np.abs(cpu - gpu).mean() < 0.5 and (np.abs(cpu - gpu) > 2).mean() < 0.01


def test_images_of_no_round_stay_as_they_are() -> None:
    pixels = np.random.RandomState(0).randint(0, 256, (6, 16, 16, 3)).astype(np.uint8)
    stage = PixMix(k=1)
    arrays = drawn(stage, 6, 16, 2)
    arrays |= {
        name: np.zeros_like(given) for name, given in arrays.items() if "kernel" in name or "mixing" in name
    }
    (got,) = run(stage, pixels, arrays, layers_too=False)
    assert (got == pixels).all()


@pytest.mark.parametrize(
    "given",
    [
        *({"k": 0}, {"k": True}, {"k": 1.5}, {"beta": 0}, {"beta": float("nan")}, {"severity": 0}),
        *({"severity": 11}, {"severity": "3"}, {"all_ops": 1}),
    ],
    ids=str,
)
def test_other_values_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises((TypeError, ValueError), match=f"PixMix: {next(iter(given))}="):
        PixMix(**given)


def pictures_beside(folder: Path, **options: Any) -> Any:
    """A loader of grey images, beside it white pictures."""
    for name, shade in (("image", 90), ("picture", 255)):
        for i in range(6):
            Image.new("RGB", (40, 40), (shade,) * 3).save(folder / f"{name}{i}.png")
    data = [(folder / f"image{i}.png", i % 2) for i in range(6)]
    pictures = [(folder / f"picture{i}.png", 0) for i in range(6)]
    given = {"handover": HandOver(unlabelled=Unlabelled(pictures)), "seed": 2} | options
    return train_loader(data, batch_size=3, device="cpu", output=Output(0.0, 1.0), **given)


def test_a_loader_mixes_in_the_pictures_of_the_unlabelled_stream(tmp_path: Path) -> None:
    """With one round and no operation that changes a grey image but for its shade, what is mixed in is a picture or a
    copy; the pictures themselves come as they are, and the labels are the images' own."""
    transform = TrainTransform(32, pixmix=PixMix(k=1, severity=0.1, all_ops=False))
    with pictures_beside(tmp_path, transform=transform) as loader:
        batches = [batch for _ in range(4) for batch in loader]
    images = torch.cat([batch[0] for batch in batches])
    assert all((batch[2].unlabelled[0] == 255).all() for batch in batches)
    assert {label for batch in batches for label in batch[1].tolist()} == {0, 1}
    assert images.dtype == torch.float32 and images.shape == (24, 3, 32, 32)
    brighter = (images.amax((1, 2, 3)) > 100).float().mean()
    assert 0 < brighter < 1


def test_a_loader_with_pixmix_resumes(tmp_path: Path) -> None:
    options = {"transform": TrainTransform(16, pixmix=PixMix(k=2))}
    with pictures_beside(tmp_path, **options) as whole:
        images = [batch[0] for _ in range(2) for batch in whole]
    with pictures_beside(tmp_path, **options) as begun:
        next(iter(begun))
        state = begun.state_dict()
    with pictures_beside(tmp_path, **options) as resumed:
        resumed.load_state_dict(state)
        rest = [batch[0] for _ in range(2) for batch in resumed]
    assert all(torch.equal(a, b) for a, b in zip(rest, images[1:], strict=True))


def test_views_of_one_crop_are_mixed_apart(tmp_path: Path) -> None:
    plain, mixed = TrainTransform(16), TrainTransform(16, pixmix=PixMix())
    views = [View(plain), View(mixed, window="shared", count=2)]
    for path in (Path(tmp_path / "a"), Path(tmp_path / "b")):
        path.mkdir()
    with pytest.raises(ValueError, match="pixmix mixes images with pictures"):
        pictures_beside(tmp_path / "a", views=views)
    pictures = [tmp_path / "a" / f"picture{i}.png" for i in range(6)]
    handover = HandOver(unlabelled=Unlabelled([(path, 0) for path in pictures], views=views))
    with pictures_beside(tmp_path / "b", views=views, handover=handover) as loader:
        (clean, first, second), _, _ = next(iter(loader))
    assert (clean == 90).all() and not torch.equal(first, second)


@pytest.mark.parametrize(
    "options",
    [
        {"handover": None},
        {"handover": HandOver()},
        {"views": [View(TrainTransform(16)), View(TrainTransform(16, pixmix=PixMix()))]},
    ],
    ids=["pairs", "record", "second view"],
)
def test_pixmix_without_pictures_is_refused(tmp_path: Path, options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"pixmix mixes images with pictures.*Unlabelled\(pictures\)"):
        pictures_beside(tmp_path, **{"transform": TrainTransform(16, pixmix=PixMix())} | options)


def test_masks_are_refused(tmp_path: Path) -> None:
    for name in ("a.jpg", "b.jpg"):
        Image.new("RGB", (32, 32)).save(tmp_path / name)
    Image.new("L", (32, 32)).save(tmp_path / "m.png")
    pairs = [(tmp_path / name, tmp_path / "m.png") for name in ("a.jpg", "b.jpg")]
    handover = HandOver(unlabelled=Unlabelled([(tmp_path / "a.jpg", 0)]))
    with pytest.raises(ValueError, match=r"pixmix averages.*mask"):
        train_loader(
            pairs,
            batch_size=2,
            transform=TrainTransform(16, pixmix=PixMix()),
            device="cpu",
            handover=handover,
        )
