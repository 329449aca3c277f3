"""AugMix: its laws against timm and torchvision, and its pixels against theirs at the same decisions.

Error rate of each statistical test: 1e-4, with fixed seeds.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from nvidia.dali import Pipeline, fn, types
from PIL import Image
from scipy import stats
from scipy.stats.contingency import crosstab
from timm.data import create_transform
from timm.data.auto_augment import AugMixAugment
from torchvision.transforms import AugMix as TheirAugMix
from torchvision.transforms import autoaugment

from dali_mixup.augment.augmix import AugMix, PaperAugMix, TorchvisionAugMix
from dali_mixup.augment.chains import Chains
from dali_mixup.augment.drawn import parameters_of
from dali_mixup.augment.draws import names_of
from dali_mixup.augment.operations import Actions, Kernel
from dali_mixup.augment.operators import Canvas
from dali_mixup.augment.parse import auto_augmentation
from dali_mixup.augment.stage_graph import after_stage
from tests.augment.test_policies import ALPHA, CANONICAL, HEIGHT, ROWS, WIDTH, assert_same_law, of_calls, ours

Operation = tuple[str, float]
SIDE = 224
FILL = (124, 116, 104)


def timms(text: str) -> AugMixAugment:
    """The transform that timm's `create_transform` makes of a string, with black for ImageNet's mean."""
    made = create_transform(SIDE, is_training=True, auto_augment=text, interpolation="bilinear")
    return next(each for each in made.transforms if isinstance(each, AugMixAugment))


def recorded_by_timm(
    transform: AugMixAugment, log: list[Operation], size: tuple[int, int], pixels: bool
) -> None:
    """Let a transform write every operation into the log; images stay as they are unless `pixels`."""

    def record(function: Any) -> Any:
        def recorded(image: Any, value: float = 0.0, **options: Any) -> Any:
            name = CANONICAL[function]
            shift = {"TranslateX": size[1], "TranslateY": size[0]}.get(name, 1)
            log.append((name, value * shift))
            arguments = () if name in ("AutoContrast", "Equalize") else (value,)
            return function(image, *arguments, **options) if pixels else image

        return recorded

    for operation in transform.ops:
        operation.aug_fn = record(operation.aug_fn)


def recorded_by_torchvision(monkeypatch: pytest.MonkeyPatch, log: list[Operation], pixels: bool) -> None:
    apply = autoaugment._apply_op

    def recorded(image: Any, name: str, magnitude: float, **options: Any) -> Any:
        value = magnitude
        if name in ("Brightness", "Color", "Contrast", "Sharpness"):
            value += 1
        if name in ("TranslateX", "TranslateY", "Posterize"):
            value = int(value)
        # Positive shifts read further left there.
        log.append((name, -value if name.startswith("Translate") and pixels else value))
        return apply(image, name, magnitude, **options) if pixels else image

    monkeypatch.setattr(autoaugment, "_apply_op", recorded)


@pytest.mark.parametrize(
    "text", ["augmix-w1", "augmix-m5-w1-d2", "augmix-m9-w1-mstd0.5", "augmix-m4-w1-mstd0-b1"]
)
def test_timm_draws_the_same_chains(text: str) -> None:
    random.seed(1)
    np.random.seed(1)
    log: list[Operation] = []
    transform, image, calls = timms(text), Image.new("RGB", (1, 1)), []
    recorded_by_timm(transform, log, (HEIGHT, WIDTH), pixels=False)
    for _ in range(ROWS // 4):
        log.clear()
        transform(image)
        calls.append(list(log))
    assert_same_law(ours(text), of_calls(calls))


def test_torchvision_draws_the_same_chains(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(2)
    log: list[Operation] = []
    recorded_by_torchvision(monkeypatch, log, pixels=False)
    monkeypatch.setattr(
        "tests.augment.test_policies.auto_augmentation", lambda _: (TorchvisionAugMix(width=1), ())
    )
    transform, image, calls = (
        TheirAugMix(mixture_width=1),
        torch.zeros(3, HEIGHT, WIDTH, dtype=torch.uint8),
        [],
    )
    for _ in range(ROWS // 16):
        log.clear()
        transform(image)
        calls.append(list(log))
    assert_same_law(ours("augmix"), of_calls(calls))


def test_torchvisions_is_the_word_and_timms_has_parts() -> None:
    assert auto_augmentation("augmix") == (TorchvisionAugMix(), (0, 0, 0))
    assert auto_augmentation("augmix-m3") == (AugMix(), FILL)
    text = "augmix-m5-w4-d2-a0.5-mstd0.7-b0"
    assert auto_augmentation(text)[0] == AugMix(4, 2, 0.5, magnitude=5, std=0.7)
    theirs = timms(text)
    assert (theirs.width, theirs.depth, theirs.alpha, theirs.blended) == (4, 2, 0.5, False)
    assert (theirs.ops[0].magnitude, theirs.ops[0].magnitude_std) == (5, 0.7)


def test_the_papers_leaves_out_what_imagenet_c_tests() -> None:
    """Its operations are compared with the authors' in test_pixmix.py."""
    assert auto_augmentation("augmix_paper") == (PaperAugMix(severity=3), (0, 0, 0))
    assert auto_augmentation("augmix_paper-s1-w2-d4-a2-all")[0] == PaperAugMix(
        2, 4, 2.0, severity=1, all_ops=True
    )
    corrupting = {Kernel.COLOUR, Kernel.CONTRAST, Kernel.BRIGHTNESS, Kernel.SHARPNESS}
    assert not PaperAugMix().kernels & corrupting
    drawn = PaperAugMix(all_ops=True).draw(np.random.RandomState(0), 2000, HEIGHT, WIDTH)
    assert corrupting < {Kernel(k) for k in drawn[0].kernel} == PaperAugMix(all_ops=True).kernels


@pytest.mark.parametrize(("width", "alpha"), [(1, 1.0), (3, 1.0), (4, 0.3)])
def test_weights_are_dirichlet_and_beta(width: int, alpha: float) -> None:
    weights = AugMix(width=width, alpha=alpha).draw_further(np.random.RandomState(0), ROWS)
    weights = np.array(weights, float)
    assert weights.shape == (1 + width, ROWS) and (weights >= 0).all()
    np.testing.assert_allclose(weights.sum(axis=0), 1, atol=2e-7)
    own, chains = weights[0], weights[1:]
    assert stats.kstest(own, stats.beta(alpha, alpha).cdf).pvalue > ALPHA
    known = own < 0.99  # where float32 leaves the chains' shares their digits
    shares = chains[:, known] / (1 - own[known])
    for share in shares if width > 1 else ():
        assert stats.kstest(share, stats.beta(alpha, alpha * (width - 1)).cdf).pvalue > ALPHA
        assert stats.spearmanr(share, own[known]).pvalue > ALPHA


def test_chains_of_an_image_are_drawn_apart() -> None:
    layers = AugMix(width=3).draw(np.random.RandomState(1), ROWS, HEIGHT, WIDTH)
    assert len(layers) == 9
    firsts, seconds = (np.array([layers[3 * i + at].kernel for i in range(3)]) for at in (0, 1))
    for drawn in (firsts, seconds == Kernel.NONE):
        table = crosstab(drawn[0], drawn[1]).count
        assert stats.chi2_contingency(table).pvalue > ALPHA
    assert stats.binomtest(int((seconds[0] == Kernel.NONE).sum()), ROWS, 1 / 3).pvalue > ALPHA


@dataclass(frozen=True)
class Pinned(Chains):
    """Chains of recorded operations: for each image its chains, and (1 + width,) weights."""

    chains: tuple[list[list[Operation]], ...] = ()
    shares: tuple[np.ndarray, ...] = ()
    kernels = frozenset(Kernel) - {Kernel.NONE}

    def operations(self, *_: Any) -> Actions:
        raise AssertionError("nothing is drawn")

    def draw(self, rng: Any, rows: int, height: int, width: int) -> list[Actions]:
        layers = []
        for chain in range(self.width):
            for at in range(self.length):
                actions = Actions.none(rows)
                for row, chains in enumerate(self.chains):
                    for name, value in chains[chain][at : at + 1]:
                        actions.put(np.arange(rows) == row, name, np.full(rows, value), height, width)
                layers.append(actions)
        return layers

    def draw_further(self, rng: Any, rows: int) -> list[np.ndarray]:
        return [np.ascontiguousarray(each, np.float32) for each in np.stack(self.shares, axis=1)]


def mixed(stage: Pinned, pixels: np.ndarray, fill: tuple[int, int, int]) -> np.ndarray:
    """The image after the chains of every row, (rows, H, W, 3)."""
    rows, (height, width) = len(stage.chains), pixels.shape[:2]
    actions = stage.draw(None, rows, height, width)
    arrays = [getattr(a, f) for a, k in zip(actions, stage.layers, strict=True) for f in parameters_of(k)]
    arrays += [*stage.draw_further(None, rows)]
    names = names_of(stage, 0)
    pipe = Pipeline(batch_size=rows, num_threads=2, device_id=None, enable_checkpointing=True)

    def source(info: Any) -> tuple[Any, ...]:
        return ([pixels] * rows, *arrays)

    with pipe:
        images, *made = fn.external_source(
            source=source, num_outputs=1 + len(names), batch=True, batch_info=True
        )
        canvas = Canvas((height, width), fill, types.DALIInterpType.INTERP_LINEAR)
        nodes = dict(zip(names, made, strict=True))
        pipe.set_outputs(after_stage(fn.reshape(images, layout="HWC"), stage, 0, nodes, canvas))
    pipe.build()
    return pipe.run()[0].as_array()


@pytest.fixture(scope="module")
def photograph(photographs: dict[str, Image.Image]) -> Image.Image:
    return photographs["chelsea"].resize((256, SIDE))


def split(log: list[Operation], width: int, depth: int) -> list[list[Operation]]:
    assert len(log) == width * depth
    return [log[i : i + depth] for i in range(0, len(log), depth)]


def test_pixels_are_torchvisions(photograph: Image.Image, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(3)
    log: list[Operation] = []
    shares: list[np.ndarray] = []
    recorded_by_torchvision(monkeypatch, log, pixels=True)
    transform = TheirAugMix(severity=5, chain_depth=2)
    really = transform._sample_dirichlet
    transform._sample_dirichlet = lambda params: shares.append(really(params)) or shares[-1]
    theirs, chains, weights = [], [], []
    for _ in range(24):
        log.clear()
        shares.clear()
        theirs.append(np.asarray(transform(photograph)))
        chains.append(split(log, 3, 2))
        (m,), (w,) = (each.numpy() for each in shares)
        weights.append(np.concatenate([m[:1], m[1] * w]))
    stage = Pinned(3, 2, chains=tuple(chains), shares=tuple(weights))
    apart = np.abs(mixed(stage, np.asarray(photograph), (0, 0, 0)).astype(int) - np.stack(theirs))
    print(f"torchvision: mean {apart.mean():.3f}, max {apart.max()}")
    assert apart.mean() < 0.4 and (apart > 2).mean() < 0.03


@pytest.mark.parametrize("text", ["augmix-m5-d2", "augmix-m5-d2-b1"])
def test_pixels_are_timms(photograph: Image.Image, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    random.seed(4)
    np.random.seed(4)
    log: list[Operation] = []
    transform = timms(text)
    recorded_by_timm(transform, log, photograph.size[::-1], pixels=True)
    shares: list[Any] = []
    for name in ("dirichlet", "beta"):
        really = getattr(np.random, name)
        monkeypatch.setattr(np.random, name, lambda *a, f=really: shares.append(f(*a)) or shares[-1])
    theirs, chains, weights = [], [], []
    for _ in range(24):
        log.clear()
        shares.clear()
        theirs.append(np.asarray(transform(photograph)))
        chains.append(split(log, 3, 2))
        w, m = shares
        weights.append(np.concatenate([[1 - m], m * w]))
    stage = Pinned(3, 2, chains=tuple(chains), shares=tuple(weights))
    ours_ = mixed(stage, np.asarray(photograph), FILL).astype(int)
    apart = np.abs(ours_ - np.stack(theirs))
    print(
        f"timm {text}: mean {apart.mean():.3f}, max {apart.max()}, bias {(ours_ - np.stack(theirs)).mean():.3f}"
    )
    assert apart.mean() < 1.2 and (apart > 3).mean() < 0.03


def test_an_average_of_the_image_with_itself_is_the_image() -> None:
    """White included: the weights in float32 may sum to a little less than 1."""
    pixels = np.random.RandomState(0).randint(0, 256, (8, 16, 3)).astype(np.uint8)
    pixels[0], pixels[1] = 255, 0
    weights = np.array(AugMix().draw_further(np.random.RandomState(5), 64))
    stage = Pinned(3, 1, chains=(([[], [], []]),) * 64, shares=tuple(weights.T))
    assert (mixed(stage, pixels, FILL) == pixels).all()
