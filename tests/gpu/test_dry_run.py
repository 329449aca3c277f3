"""Every GPU graph this package can make, built without a GPU; see `dry_run`."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from nvidia.dali import Pipeline, fn, types

from dali_mixup import Extra, HandOver, MixPolicy, Output, Unlabelled, View, load_recipe, val_loader
from dali_mixup._graph.decode import Backend
from dali_mixup._graph.windows import whole_pipeline, windows_pipeline
from dali_mixup._loader.loader import MixLoader
from dali_mixup.augment import (
    MultiScale,
    PixMix,
    RandomErasing,
    TrainTransform,
    ValTransform,
)
from dali_mixup.augment.extra_trial import trial_graph
from dali_mixup.methods import REGISTRY, CutMix, Form, MixUp, ResizeMix
from dali_mixup.recipes import recipe_names
from tests.gpu.dry_run import DType, problems
from tests.gpu.graphs import (
    DALI,
    DATA,
    EVERY,
    FUNCTIONS,
    KINDS,
    OF_ANY_PIXELS,
    OPTIONS,
    STRINGS,
    WITH_FUNCTIONS,
    fed,
    of_loader,
    of_mix,
    pixels,
    trained,
)

OUTPUTS = list(itertools.product(("float32", "float16", "bfloat16"), (False, True)))
SIZES = (224, MultiScale((128, 160), "batch"))


def loader_problems(loader: MixLoader, roi: bool = True, **output: Any) -> list[str]:
    return problems(of_loader(loader, roi, **output))


@pytest.mark.parametrize("policy", [None, MixPolicy([MixUp(), CutMix()], granularity="sample")], ids=str)
def test_the_training_graph(policy: MixPolicy | None) -> None:
    loader = trained(policy=policy)
    for roi in (True, False):
        for dtype, channels_last in OUTPUTS:
            assert loader_problems(loader, roi, dtype=dtype, channels_last=channels_last) == []


@pytest.mark.parametrize(
    ("name", "granularity"),
    [
        (name, granularity)
        for name, method in sorted(REGISTRY.items())
        for granularity in (("batch", "pair", "sample") if method().columns == 2 else ("batch", "sample"))
    ],
)
def test_every_method(name: str, granularity: str) -> None:
    method = REGISTRY[name]()
    loader = trained(policy=MixPolicy([method], granularity=granularity))
    for dtype, channels_last in OUTPUTS:
        assert loader_problems(loader, dtype=dtype, channels_last=channels_last) == []


@pytest.mark.parametrize("k", [2, 3, 5, 8])
def test_k_images(k: int) -> None:
    assert loader_problems(trained(policy=MixPolicy([MixUp(k=k), *EVERY], granularity="sample"))) == []


def test_beyond_the_images() -> None:
    methods = [MixUp(extrapolate=0.5, extrapolate_labels=True), CutMix()]
    assert loader_problems(trained(policy=MixPolicy(methods, granularity="sample"))) == []


@pytest.mark.parametrize(
    "handover",
    [HandOver(clean=True), HandOver(unlabelled=Unlabelled(DATA, views=[View(), View(size=32)]))],
    ids=str,
)
def test_what_comes_with_a_batch(handover: HandOver) -> None:
    assert loader_problems(trained(policy=MixPolicy([MixUp()]), handover=handover)) == []


@pytest.mark.parametrize("policy", [None, MixPolicy(EVERY, granularity="sample")], ids=["alone", "mixed"])
def test_views(policy: MixPolicy | None) -> None:
    strong = TrainTransform(96, auto_augment="rand-m9-mstd0.5-inc1", gaussian_blur=0.5)
    views = [View(), View(window="shared"), View(strong, count=2, policy=policy), View(size=32)]
    stream = Unlabelled(DATA, batch_size=3, views=[View(), View(strong, policy=policy), View(size=32)])
    for dtype, channels_last in OUTPUTS:
        made = trained(views=views, handover=HandOver(unlabelled=stream))
        assert loader_problems(made, dtype=dtype, channels_last=channels_last) == []


@pytest.mark.parametrize("size", SIZES, ids=str)
def test_pixmix(size: Any) -> None:
    transform, handover = TrainTransform(size, pixmix=PixMix()), HandOver(unlabelled=Unlabelled(DATA))
    for policy in (None, MixPolicy([CutMix()])):
        assert loader_problems(trained(transform=transform, policy=policy, handover=handover)) == []


@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe(name: str) -> None:
    recipe = load_recipe(name)
    loader = recipe.train_loader(DATA, batch_size=8, device="cpu", runtime=DALI)
    for roi in (True, False):
        assert loader_problems(loader, roi) == []
    assert loader_problems(recipe.val_loader(DATA, batch_size=8, device="cpu"), False) == []


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("text", STRINGS)
def test_every_auto_augmentation(text: str, size: Any) -> None:
    assert loader_problems(trained(transform=TrainTransform(size, auto_augment=text))) == []


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("place", ["before_mix", "after_mix"])
@pytest.mark.parametrize("mode", ["const", "rand", "pixel"])
def test_every_erasing(mode: str, place: str, size: Any) -> None:
    transform = TrainTransform(size, random_erasing=RandomErasing(mode=mode, place=place, count=2))
    loader = trained(policy=MixPolicy([MixUp()]), transform=transform)
    for dtype, channels_last in OUTPUTS:
        assert loader_problems(loader, dtype=dtype, channels_last=channels_last) == []


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_every_other_augmentation(options: dict[str, Any]) -> None:
    loader = trained(policy=MixPolicy([CutMix()]), transform=TrainTransform(**options))
    for roi in (True, False):
        assert loader_problems(loader, roi) == []


@pytest.mark.parametrize("options", OF_ANY_PIXELS, ids=str)
@pytest.mark.parametrize(("channels", "bits"), KINDS)
def test_other_pixels(channels: int, bits: int, options: dict[str, Any]) -> None:
    transform, output = TrainTransform(**options), pixels(channels, bits)
    if channels == 12 and transform.gaussian_blur:
        transform = replace(transform, blur_sigma=(0.1, 1.0))
    loader = trained(policy=MixPolicy(EVERY, granularity="sample"), transform=transform, output=output)
    for roi in (True, False):
        assert loader_problems(loader, roi) == []
    validated = val_loader(DATA, batch_size=8, device="cpu", output=output)
    assert loader_problems(validated, False, dtype="float16", channels_last=True) == []


@pytest.mark.parametrize("transform", WITH_FUNCTIONS, ids=lambda transform: transform.crop)
def test_functions_of_a_user(transform: TrainTransform) -> None:
    loader = trained(policy=MixPolicy([MixUp(), CutMix()], granularity="sample"), transform=transform)
    for roi in (True, False):
        for dtype, channels_last in OUTPUTS:
            assert loader_problems(loader, roi, dtype=dtype, channels_last=channels_last) == []
    added = [one for one in FUNCTIONS if one.place in ("after_decode", "after_crop")]
    for interpolation in ("nearest", "bicubic"):
        validated = ValTransform(interpolation=interpolation, extra=added)  # type: ignore[arg-type]
        loader = val_loader(DATA, batch_size=8, device="cpu", transform=validated)
        assert loader_problems(loader, False) == []


@pytest.mark.parametrize("extra", FUNCTIONS, ids=lambda extra: extra.place)
def test_the_trial_of_a_users_function(extra: Extra) -> None:
    assert problems(trial_graph(extra, [np.zeros((8, 8, 3), np.uint8)], "HWC", 0)) == []


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "bicubic", "lanczos"])
def test_validation(interpolation: str) -> None:
    loader = val_loader(DATA, batch_size=8, device="cpu", transform=ValTransform(interpolation=interpolation))
    for dtype, channels_last in OUTPUTS:
        assert loader_problems(loader, False, dtype=dtype, channels_last=channels_last) == []


@pytest.mark.parametrize("methods", [[MixUp(), CutMix()], [ResizeMix()], EVERY], ids=len)
@pytest.mark.parametrize("layout", ["HWC", "CHW"])
@pytest.mark.parametrize("dtype", [DType.UINT8, DType.FLOAT, DType.FLOAT16], ids=str)
def test_mix_in_a_users_pipeline(dtype: Any, layout: str, methods: list) -> None:
    policy = MixPolicy(methods)
    for made, channels_last in itertools.product(("float32", "float16", "uint8"), (False, True)):
        output = Output(0.0, 1.0, made, channels_last)
        assert problems(of_mix(policy, dtype, layout, num_classes=10, output=output)) == []
    assert problems(of_mix(policy, dtype, layout, num_classes=10, targets="compact")) == []
    assert problems(of_mix(policy, dtype, layout, num_classes=None)) == []


@pytest.mark.parametrize("layout", ["FHWC", "FCHW", "CDHW", "HW", "WC", "HWD", "CT", None])
@pytest.mark.parametrize("dtype", [DType.UINT8, DType.FLOAT16], ids=str)
def test_mix_of_rows_that_are_not_images(dtype: Any, layout: str | None) -> None:
    boxed = layout is not None and "W" in layout
    policy = MixPolicy(EVERY if boxed else [MixUp()])
    size = (32 if "H" in layout else 1, 32) if boxed else None
    outputs = [None, Output(0.0, 1.0, "float16"), Output(0.0, 1.0, "uint8", channels_last=True)]
    if layout is not None and "C" in layout:
        outputs += [Output(channels_last=last) for last in (False, True)]
    for output in outputs:
        if layout == "HWD" and output is not None:
            continue
        assert problems(of_mix(policy, dtype, layout, num_classes=10, output=output, size=size)) == []


@pytest.mark.parametrize(
    "name", sorted(n for n, m in REGISTRY.items() if m.form in (Form.PASTE, Form.RESIZE))
)
def test_segmentation(name: str) -> None:
    for maps in (DType.UINT8, DType.INT16):
        assert problems(of_mix(MixPolicy([REGISTRY[name]()]), DType.UINT8, "HWC", maps, num_classes=10)) == []


def test_the_self_test() -> None:
    for make in (windows_pipeline, whole_pipeline):
        assert problems(make([np.zeros(1, np.uint8)], 0, Backend(gpu=True))) == []


class TestTheDryRunItself:
    """Each kind of fault it is there for, planted."""

    def planted(self, graph: Any) -> list[str]:
        pipeline = Pipeline(batch_size=8, num_threads=2, device_id=0, seed=1)
        with pipeline:
            pipeline.set_outputs(graph(fed(DType.UINT8, 3, "HWC").gpu()))
        return problems(pipeline)

    def test_a_type_without_a_kernel(self) -> None:
        (problem,) = self.planted(
            lambda x: fn.erase(
                fn.cast(x, dtype=DType.FLOAT16), anchor=[0.0, 0.0], shape=[2.0, 2.0], axis_names="HW"
            )
        )
        assert "no GPU kernel of Erase takes DALIDataType.FLOAT16" in problem

    def test_inputs_of_two_sizes(self) -> None:
        (problem,) = self.planted(
            lambda x: fn.multi_paste(x, fn.resize(x, size=[4, 4]), output_size=[32, 32])
        )
        assert "may differ in size" in problem

    def test_a_graph_that_stays_on_the_cpu(self) -> None:
        pipeline = Pipeline(batch_size=8, num_threads=2, device_id=0, seed=1)
        with pipeline:
            pipeline.set_outputs(types.Constant(1, device="cpu"))
        assert problems(pipeline) == ["nothing in this graph runs on the GPU"]
