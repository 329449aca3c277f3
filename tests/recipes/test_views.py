"""Recipes with views and with unlabelled samples: their sections are read, checked and made into loaders."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from dali_mixup import CutMix, HandOver, MixPolicy, MixUp, Runtime, TrainTransform, View
from dali_mixup.cli.recipes import list_recipes
from dali_mixup.recipes import Recipe, RecipeError, difference, flat, load_recipe

LEAST = {
    "title": "a recipe with views",
    "source": {"model": "resnet50"},
    "training": {"epochs": 90, "batch_size": 8, "optimizer": {"name": "sgd"}, "learning_rate": {"base": 0.1}},
}
CPU = {"device": "cpu", "runtime": Runtime(num_threads=1)}


def read(folder: Path, name: str = "one.yaml", **sections: Any) -> Recipe:
    file = folder / name
    file.write_text(yaml.safe_dump(LEAST | sections))
    return load_recipe(file)


def test_views_are_read_with_everything_in_them(tmp_path: Path) -> None:
    recipe = read(
        tmp_path,
        views=[
            {"transform": {"image_size": 64, "hflip": 0.0}, "count": 2},
            {"policy": {"method": "mixup", "alpha": 0.3}, "output": {"mean": [1, 2, 3], "std": [4, 5, 6]}},
            {"policy": [{"method": "mixup"}, {"method": "cutmix"}], "size": 32},
            {"policy": {"methods": [{"method": "cutmix"}], "schedule": {"stop": 0.5, "unit": "fraction"}}},
        ],
    )
    assert recipe.views is not None
    first, second, third, fourth = recipe.views
    assert first == View(TrainTransform(64, hflip=0.0), count=2)
    assert second.policy == MixUp(0.3) and second.output is not None and second.output.std == (4, 5, 6)
    assert third == View(policy=(MixUp(), CutMix()), size=32)
    assert isinstance(fourth.policy, MixPolicy) and fourth.policy.schedules.members[0].total_epochs == 90


def test_views_of_unlabelled_samples_are_mixed_for_a_share_of_the_training(tmp_path: Path) -> None:
    policy = {"methods": [{"method": "cutmix"}], "schedule": {"stop": 0.5, "unit": "fraction"}}
    recipe = read(tmp_path, unlabelled={"views": [{}, {"policy": policy}]})
    (_, view) = recipe.unlabelled("folder", batch_size=4).views or ()
    assert view.mixing.schedules.members[0].total_epochs == 90
    assert flat(recipe)["unlabelled.views[1].policy.schedule.total_epochs"] == 90


def test_a_key_of_a_view_has_a_path(tmp_path: Path) -> None:
    recipe = read(tmp_path, views=[{}, {"size": 32}], unstated=["views[1].size", "views"])
    keys = flat(recipe)
    assert keys["views[1].size"] == 32 and keys["views[0].count"] == 1 and "views" not in keys
    other = read(tmp_path, "other.yaml", views=[{}, {"size": 48}])
    assert difference(recipe, other) == {"views[1].size": (32, 48)}
    child = read(tmp_path, "child.yaml", extends="one.yaml", views=[{}])
    assert child.unstated == [], "a list is replaced as a whole, and the marks on it are gone"


@pytest.mark.parametrize(
    ("sections", "message"),
    [
        ({"views": []}, r"views: views=\[\], expected at least one"),
        ({"views": 3}, r"views: 3; "),
        ({"views": [{"sise": 3}]}, r"views\[0\].sise: unknown key .*'size'"),
        ({"views": [{"transform": {"hflip": 2}}]}, r"views\[0\].transform: hflip=2"),
        ({"views": [{"policy": {"method": "mixap"}}]}, r"views\[0\].policy.method: 'mixap' .*'mixup'"),
        ({"views": [{"policy": {"method": "mixup", "alfa": 1}}]}, r"views\[0\].policy.alfa: unknown key"),
        ({"views": [{"policy": {"prob": 1}}]}, r"views\[0\].policy.methods: missing"),
        ({"views": [{"window": "shared"}]}, r"views: the first view has window='shared'"),
        (
            {"views": [{}, {"window": "shared", "transform": {"hflip": 0.0}}]},
            r"views\[1\]: view 1 has window='shared' and hflip=0.0",
        ),
        ({"views": [{}], "policy": {"methods": [{"method": "mixup"}]}}, r"policy: the recipe has views; "),
        (
            {"views": [{}, {"transform": {"grayscale": 0.5}}], "output": {"channels": 1, "mean": [9], "std": [9]}},
            r"views\[1\]: grayscale=0.5 .*is for 3 channels of 8 bits",
        ),
        ({"unlabelled": {"ratio": 0}}, r"unlabelled.ratio: 0; "),
        (
            {"unlabelled": {"views": [{"policy": {"methods": [{"method": "mixup"}], "partners": "same_class"}}]}},
            r"unlabelled.views\[0\].policy: a view has .* needs the labels",
        ),
        ({"unlabelled": {"views": []}}, r"unlabelled.views: views=\[\]|unlabelled.views: .*at least one"),
        ({"loss": {"name": "jensen-shannon"}}, r"loss.name: jensen-shannon compares"),
        ({"loss": {"name": "jensen-shannon"}, "views": [{}]}, r"loss.name: jensen-shannon compares"),
        ({"loss": {"name": "jensen-shannon"}, "views": [{}, {"size": 9}]}, r"loss.name: jensen-shannon compares"),
        (
            {"loss": {"name": "jensen-shannon"}, "views": [{}, {"policy": {"method": "mixup"}}]},
            r"loss.name: jensen-shannon compares",
        ),
        ({"loss": {"name": "in-example"}}, r"loss: example and name: in-example belong together"),
        ({"loss": {"example": "examples/dino.py"}}, r"loss: example and name: in-example belong together"),
        ({"loss": {"alpha": 1.0}}, r"loss: alpha belongs to name: jensen-shannon"),
        (
            {"loss": {"smoothing": 0.1}, "views": [{"policy": {"method": "mixup"}}]},
            r"loss.smoothing: 0.1, but the batches are mixed",
        ),
        ({"latent": {"module": "MixMatchStep", "views": 2}}, r"latent.views: unknown key"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_with_its_key(
    tmp_path: Path, sections: dict[str, Any], message: str
) -> None:
    with pytest.raises(RecipeError, match=message):
        read(tmp_path, **sections)


def test_the_loader_makes_the_views_and_the_stream(tmp_path: Path, imagenet_root: Path) -> None:
    recipe = read(
        tmp_path,
        transform={"image_size": 24},
        views=[{}, {"policy": {"method": "mixup"}}],
        unlabelled={"ratio": 3, "views": [{}, {"size": 16, "count": 2}]},
    )
    stream = recipe.unlabelled(imagenet_root / "val", batch_size=2)
    assert stream.batch_size == 6
    with recipe.train_loader(
        imagenet_root / "train", batch_size=2, handover=HandOver(unlabelled=stream), **CPU
    ) as loader:
        images, targets, record = next(iter(loader))
    assert [tuple(view.shape) for view in images] == [(2, 3, 24, 24)] * 2
    assert [target.shape for target in targets] == [(2, 4)] * 2
    assert [tuple(view.shape) for view in record.unlabelled] == [(6, 3, 24, 24)] + [(6, 3, 16, 16)] * 2


def test_a_loader_without_the_recipe_s_stream_says_so(
    imagenet_root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    recipe = load_recipe("mixmatch-cifar10")
    recipe.train_loader(imagenet_root / "train", batch_size=2, **CPU)
    assert "its unlabelled samples are not read; give the loader handover=" in caplog.text
    caplog.clear()
    stream = HandOver(unlabelled=recipe.unlabelled(imagenet_root / "val", batch_size=2))
    recipe.train_loader(imagenet_root / "train", batch_size=2, handover=stream, **CPU)
    assert "not read" not in caplog.text


def test_image_size_is_that_of_all_views_or_refused(tmp_path: Path, imagenet_root: Path) -> None:
    one_size = read(tmp_path, transform={"image_size": 48}, views=[{}, {"transform": {"image_size": 48}}])
    loader = one_size.train_loader(imagenet_root / "train", batch_size=2, image_size=16, **CPU)
    assert [view.transform.image_size for view in loader.spec.pipeline.views] == [16, 16]

    crops = read(
        tmp_path, views=[{"size": 48}, {"size": 16}], unlabelled={"views": [{"size": 48}, {"size": 16}]}
    )
    with pytest.raises(
        ValueError, match=r"image_size=32 for a recipe whose views have the sizes 48, 16; expected"
    ):
        crops.train_loader(imagenet_root / "train", batch_size=2, image_size=32, **CPU)
    with pytest.raises(ValueError, match=r"image_size=32 for a recipe whose views"):
        crops.unlabelled(imagenet_root / "val", batch_size=2, image_size=32)
    assert crops.views is not None
    halved = [replace(view, size=view.size // 2) for view in crops.views]
    loader = crops.train_loader(imagenet_root / "train", batch_size=2, views=halved, **CPU)
    assert [view.transform.image_size for view in loader.spec.pipeline.views] == [24, 8]


@pytest.mark.parametrize("batch_size", [0, 2.5, True, None])
def test_a_stream_of_no_samples_is_refused(batch_size: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=r"Recipe.unlabelled: batch_size="):
        load_recipe("fixmatch-cifar10").unlabelled("photos", batch_size=batch_size)


def test_a_recipe_without_a_stream_says_so() -> None:
    with pytest.raises(ValueError, match="has no unlabelled section"):
        load_recipe("deit-s").unlabelled("photos", batch_size=8)


def test_a_loss_that_is_not_the_library_s_is_named() -> None:
    with pytest.raises(ValueError, match=r"none of the library's; examples/dino.py has it"):
        load_recipe("dino").loss()


def test_augmix_s_loss_is_of_all_views() -> None:
    loss = load_recipe("augmix-resnet50").loss()
    assert (loss.num_splits, loss.alpha) == (3, 12)
    assert torch.isfinite(loss(torch.randn(6, 4), torch.tensor([0, 3])))


def test_the_list_counts_views(capsys: pytest.CaptureFixture[str]) -> None:
    list_recipes()
    rows = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert "1 + 7 x 2" in rows["fixmatch-cifar10"] and " 10 " in rows["dino"]
    assert "mixup 1 / cutmix 1" in rows["unmix-cifar10"]
