"""Files are read strictly, extend one another, and every fault is named with its key."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

from dali_mixup import ClassGroups, Repeated, Runtime, Schedule, TrainTransform, ValTransform, train_loader
from dali_mixup.recipes import RecipeError, difference, flat, load_recipe
from tests.recipes.writing import written


def fault(folder: Path, text: str) -> str:
    with pytest.raises(RecipeError) as caught:
        load_recipe(written(folder, text))
    return str(caught.value)


def test_unknown_names_get_the_nearest_spelling() -> None:
    with pytest.raises(RecipeError, match=r"no recipe 'diet-s' \(did you mean 'deit-s'\?\); there are "):
        load_recipe("diet-s")


@pytest.mark.parametrize("name", [None, 3, b"deit-s", ["deit-s"]])
def test_what_is_neither_a_name_nor_a_path_is_refused(name: object) -> None:
    kind = type(name).__name__
    with pytest.raises(
        TypeError, match=rf"load_recipe: name=.* is a {kind}, expected .*recipe_names\(\), or the path"
    ):
        load_recipe(name)  # type: ignore[arg-type]


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="cannot read the file"):
        load_recipe(tmp_path / "nowhere.yaml")
    with pytest.raises(RecipeError, match="cannot read the file"):
        load_recipe("nowhere.yaml")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("transform: {hflp: 0.5}", ["transform.hflp: unknown key", "did you mean 'hflip'?", "allowed: antialias, "]),
        ("polcy: {}", ["polcy: unknown key", "did you mean 'policy'?"]),
        ("transform: {hflip: '0.5'}", ["transform.hflip: '0.5'", "write 0.5 without quotes"]),
        ("training: {learning_rate: {base: 1e-3}}", ["training.learning_rate.base: '1e-3'", "write 1.0e-3 without"]),
        ("transform: {hflip: 1.5}", ["transform: hflip=1.5", ">= 0 and <= 1"]),
        ("transform: {antialias: 1}", ["transform.antialias: 1", "valid boolean"]),
        ("transform: {hflip: .nan}", ["transform.hflip: nan", "finite"]),
        ("transform: {image_size: 224.0}", ["transform.image_size: 224.0", "valid integer"]),
        ("transform: {image_size: big}", ["transform.image_size: 'big'", "an integer or a list or a section of keys"]),
        ("transform: {image_size: '32'}", ["a list or a section of keys (", "write 32 without quotes"]),
        ("transform: {interpolation: bicubik}", ["transform.interpolation: 'bicubik'", "did you mean 'bicubic'?"]),
        ("transform: {auto_augment: rand-m9-icn1}", ["transform: auto_augment='rand-m9-icn1'"]),
        ("transform: {padding: 8}", ["transform: padding=8 belongs to another kind of crop; crop is 'resized'"]),
        ("transform: {image_size: {knots: [[0, 160]]}}", ["transform.image_size.kind: missing", "size_schedule"]),
        ("transform: {image_size: {kind: multiscale}}", ['transform.image_size.kind: \'multiscale\' (did you mean']),
        ("transform: {random_erasing: {prob: 2.0}}", ["transform.random_erasing: prob=2.0, expected"]),
        ("validation: {transform: {resize_size: 200}}", ["validation.transform: resize_size=200 is smaller than"]),
        ("policy: {methods: [{method: cutmx}]}", ["policy.methods[0].method: 'cutmx' (did you mean 'cutmix'?)"]),
        ("policy: {methods: [{alpha: 1.0}]}", ["policy.methods[0].method: missing; allowed: cutmix, "]),
        ("policy: {methods: [mixup]}", ["policy.methods[0]: 'mixup'; expected a section such as {method: "]),
        (
            "policy: {methods: [{method: mixup, alfa: 1.0}]}",
            ["policy.methods[0].alfa: unknown key (did you mean 'alpha'?); allowed: alpha, "],
        ),
        ("policy: {methods: [{method: mixup, alpha: -1.0}]}", ["policy.methods[0]: alpha=-1.0", "> 0"]),
        ("policy: {weights: [1.0]}", ["policy: weights=(1.0,), expected a list of 2 numbers"]),
        ("policy: {partners: neighbours}", ["policy.partners: 'neighbours'", "allowed: balanced, "]),
        (
            "policy: {methods: [{method: cutmix, alpha: 0.5, minmax: [0.2, 0.8]}], weights: null}",
            ["policy.methods[0]: alpha=0.5 with minmax=(0.2, 0.8)", "give one of them"],
        ),
        ("order: {kind: repeatd}", ["order.kind: 'repeatd' (did you mean 'repeated'?)"]),
        ("order: {kind: repeated, times: 1}", ["order: times=1, expected an integer >= 2"]),
        ("output: {mean: [0.485, 0.456, 0.406]}", ["output: mean=(0.485, 0.456, 0.406)", "mean=(123.675, 116.28, "]),
        ("output: {mean: [1.0, 2.0]}", ["output: mean=(1.0, 2.0)"]),
        ("output: {channels: 1}", ["output: mean=(", "for 1 channel of 8 bits; expected one number each"]),
        (
            "output: {mean: 9.0, std: 2.0, bits: 16}",
            ["transform: auto_augment='rand-", "is for 3 channels of 8 bits, but output has 3 channels of 16 bits"],
        ),
        ("bad_files: skip", ["bad_files: 'skip'", "allowed: raise"]),
        ("runtime: {prefetch: 0}", ["runtime: prefetch=0, expected an integer >= 1"]),
        ("loss: {smoothing: 0.1}", ["loss.smoothing: 0.1", "smooth twice", "use policy.label_smoothing"]),
        (
            "loss: {name: binary-cross-entropy, target_threshold: 0.0}",
            ["loss.target_threshold: 0 with label smoothing 0.1", "Set the smoothing to 0"],
        ),
        ("loss: {target_threshold: 0.2}", ["loss: target_threshold", "binary-cross-entropy"]),
        ("training: {optimizer: {alpha: 0.9}}", ["training.optimizer: alpha: 0.9 belongs to rmsprop", "'adamw'"]),
        (
            "training: {optimizer: {momentum: 0.9}}",
            ["optimizer: momentum: 0.9 belongs to sgd, sgdw, lars, rmsprop; the name is 'adamw'", "momentum: null"],
        ),
        ("training: {optimizer: {name: lamb, momentum: 0.9}}", ["training.optimizer: momentum: 0.9 belongs to sgd, "]),
        ("training: {optimizer: {name: sgd}}", ["training.optimizer: eps: 1e-08 belongs to adamw, ", "eps: null"]),
        (
            "training: {optimizer: {name: sgd, eps: null, betas: [0.9, 0.99]}}",
            ["training.optimizer: betas: [0.9, 0.99] belongs to adamw, adam, lamb; the name is 'sgd'"],
        ),
        ("training: {optimizer: {betas: [0.9, 1.0]}}", ["training.optimizer.betas[1]: 1.0", "less than 1"]),
        ("training: {optimizer: {nesterov: true}}", ["training.optimizer: nesterov: true belongs to sgd, sgdw"]),
        (
            "training: {optimizer: {name: sgd, eps: null, nesterov: true}}",
            ["training.optimizer: nesterov: true needs a momentum above 0"],
        ),
        (
            "training: {learning_rate: {decay: constant, final: 0.1}}",
            ["training.learning_rate: final: 0.1 does nothing with decay: constant", "write final: 0.0"],
        ),
        (
            "training: {learning_rate: {decay: step, milestones: [3.0], final: 0.1}}",
            ["training.learning_rate: final: 0.1 does nothing with decay: step"],
        ),
        (
            "training: {learning_rate: {decay: constant, final: 0.0, decay_epochs: 3.0}}",
            ["training.learning_rate: decay_epochs: 3.0 does nothing with decay: constant", "decay_epochs: null"],
        ),
        (
            "training: {learning_rate: {gamma: 0.2}}",
            ["training.learning_rate: gamma: 0.2 does nothing with decay: cosine", "write gamma: 0.1"],
        ),
        ("training: {learning_rate: {decay: step}}", ["training.learning_rate: milestones and decay: step belong"]),
        ("recalled: [transform.crp]", ["recalled[0]: no key 'transform.crp'", "did you mean 'transform.crop'?"]),
    ],
)  # fmt: skip
def test_a_fault_is_told_with_its_key_what_is_allowed_and_the_nearest_spelling(
    tmp_path: Path, text: str, parts: list[str]
) -> None:
    message = fault(tmp_path, f"extends: deit-s\n{text}\n")
    for part in parts:
        assert part in message


def test_a_folder_is_refused_once(tmp_path: Path) -> None:
    with pytest.raises(RecipeError) as caught:
        load_recipe(tmp_path)
    assert str(caught.value) == f"recipe {tmp_path}: cannot read the file (it is a folder or a device)"


def test_a_file_below_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    written(tmp_path, "extends: deit-s\ntitle: mine\n")
    assert load_recipe("~/mine.yaml").title == "mine"


def test_every_fault_is_told_at_once(tmp_path: Path) -> None:
    message = fault(tmp_path, "extends: deit-s\ntransform: {hflp: 1}\norder: {times: 0}\npolicy: {prob: 7}\n")
    assert "mine.yaml: 3 errors\n" in message
    assert all(
        line in message for line in ("\n  transform.hflp: ", "\n  order: times=0", "\n  policy: prob=7")
    )


def test_what_is_missing_without_a_base_is_told(tmp_path: Path) -> None:
    message = fault(tmp_path, "title: alone\n")
    assert "source: missing" in message and "training: missing" in message


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("a: [", "line 1, column 5: expected the node content"),
        ("- 1\n- 2\n", "a list at the top"),
        ("extends: deit-s\ntransform: {hflip: 0.1, hflip: 0.2}\n", "the key 'hflip' comes twice"),
        ("extends: 3\n", "extends: 3; expected the name of a published recipe, or a .yaml file"),
        ("extends: ./mine.yaml\n", "extends itself"),
        ("extends: diet-s\n", "did you mean 'deit-s'?"),
    ],
)
def test_broken_files(tmp_path: Path, text: str, part: str) -> None:
    assert part in fault(tmp_path, text)


def test_extends_overrides_keys_and_keeps_the_rest(tmp_path: Path) -> None:
    written(tmp_path, "extends: deit-s\ntraining: {epochs: 100}\n", "base.yaml")
    recipe = load_recipe(
        written(tmp_path, "extends: base.yaml\ntransform: {random_erasing: null, hflip: 0.0}\n")
    )
    found = difference(load_recipe("deit-s"), recipe)
    others = {key for key in found if not key.startswith("transform.random_erasing")}
    assert others == {"training.epochs", "transform.hflip"}
    assert recipe.transform.random_erasing is None and recipe.training.epochs == 100


def test_a_section_of_another_kind_replaces_the_base_s_and_its_marks(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text("extends: deit-s\nrecalled: [order.times]\n")
    base = load_recipe(tmp_path / "base.yaml")
    assert base.order == Repeated(3) and base.recalled == ["order.times"]
    recipe = load_recipe(written(tmp_path, "extends: base.yaml\norder: {kind: class_groups, size: 4}\n"))
    assert recipe.order == ClassGroups(4) and recipe.recalled == []
    recipe = load_recipe(written(tmp_path, "extends: base.yaml\norder: {kind: repeated}\n"))
    assert recipe.order == Repeated(3) and recipe.recalled == ["order.times"]


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("{stop: 0.9, unit: fraction}", Schedule(stop=0.9, unit="fraction", total_epochs=100)),
        (
            "{stop: 0.9, unit: fraction, total_epochs: 50}",
            Schedule(stop=0.9, unit="fraction", total_epochs=50),
        ),
        ("{stop: 9}", Schedule(stop=9)),
        (
            "[{stop: 0.9, unit: fraction}, {start: 2}]",
            (Schedule(stop=0.9, unit="fraction", total_epochs=100), Schedule(start=2)),
        ),
    ],
)
def test_a_schedule_in_fractions_is_of_the_training(tmp_path: Path, schedule: str, expected: object) -> None:
    text = f"extends: deit-s\npolicy: {{schedule: {schedule}}}\ntraining: {{epochs: 100}}\n"
    policy = load_recipe(written(tmp_path, text)).policy
    assert policy is not None and policy.schedule == expected


def test_a_recipe_without_options_has_the_loader_s_defaults(tmp_path: Path) -> None:
    text = """
title: nothing of its own
source: {model: resnet50}
training: {epochs: 1, batch_size: 8, optimizer: {name: sgd}, learning_rate: {base: 0.1}}
"""
    recipe = load_recipe(written(tmp_path, text))
    parameters = inspect.signature(train_loader).parameters
    for name in ("policy", "order", "labels", "output", "runtime", "bad_files"):
        assert getattr(recipe, name) == parameters[name].default, name
    assert recipe.transform == TrainTransform() and recipe.validation.transform == ValTransform()


def test_flat_names_every_key_once() -> None:
    keys = flat(load_recipe("deit-s"))
    assert keys["transform.scale"] == [0.08, 1.0] and keys["loss.name"] == "cross-entropy"
    assert keys["order.kind"] == "repeated" and keys["order.times"] == 3
    assert keys["policy.methods"][0]["method"] == "mixup"


def test_overrides_take_the_place_of_the_recipes_values(imagenet_root: Path) -> None:
    recipe = load_recipe("rsb-a3")
    loader = recipe.train_loader(
        imagenet_root / "train",
        batch_size=4,
        image_size=64,
        policy=None,
        device="cpu",
        runtime=Runtime(num_threads=1),
    )
    assert loader.spec.pipeline.first.transform.size == (64, 64) and loader.spec.policy is None
    assert loader.spec.pipeline.first.transform.interpolation == "bicubic"
    loader = recipe.val_loader(
        imagenet_root / "val", batch_size=4, image_size=112, device="cpu", runtime=Runtime(num_threads=1)
    )
    assert (loader.spec.pipeline.first.transform.size, loader.spec.pipeline.first.transform.resize_size) == (
        (112, 112),
        118,
    )
    with pytest.raises(TypeError, match=r"train_loader: devise= is not an argument: did you mean 'device'\?"):
        recipe.train_loader(imagenet_root / "train", batch_size=4, devise="cpu")


def test_what_is_not_provided_is_logged(imagenet_root: Path, caplog: pytest.LogCaptureFixture) -> None:
    load_recipe("ffcv-rn50").train_loader(
        imagenet_root / "train", batch_size=4, device="cpu", runtime=Runtime(num_threads=1)
    )
    assert "not provided here: BlurPool" in caplog.text


def test_reading_loads_neither_torch_nor_dali() -> None:
    code = (
        "import sys; from dali_mixup.recipes import load_recipe, recipe_names; "
        "[load_recipe(name) for name in recipe_names()]; "
        "print([name for name in sys.modules if name.split('.')[0] in ('torch', 'nvidia')])"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
