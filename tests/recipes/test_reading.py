"""Files are read strictly, extend one another, and every fault is named with its key."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dali_mixup._decide.partners import FROM_LOADER, PARTNERS
from dali_mixup._decide.policy import GRANULARITIES
from dali_mixup._graph.decode import INTERPOLATIONS
from dali_mixup.augment import TrainTransform, ValTransform
from dali_mixup.recipes import RecipeError, difference, flat, json_schema, load_recipe, recipe_names
from dali_mixup.recipes.augmentation import Augmentation
from dali_mixup.recipes.mixing import Mixing
from dali_mixup.recipes.reading import over
from dali_mixup.recipes.sections import Validation
from dali_mixup.recipes.transform import train_transform

SCHEMA = Path(__file__).parents[2] / "docs" / "recipe.schema.json"


def written(folder: Path, text: str, name: str = "mine.yaml") -> Path:
    file = folder / name
    file.write_text(text)
    return file


def fault(folder: Path, text: str) -> str:
    with pytest.raises(RecipeError) as caught:
        load_recipe(written(folder, text))
    return str(caught.value)


def test_unknown_names_get_the_nearest_spelling() -> None:
    with pytest.raises(
        RecipeError, match=r"no recipe 'diet-s' \(did you mean \"deit-s\"\?\); there are convnext-t, "
    ):
        load_recipe("diet-s")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="cannot read the file"):
        load_recipe(tmp_path / "nowhere.yaml")
    with pytest.raises(RecipeError, match="cannot read the file"):
        load_recipe("nowhere.yaml")


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("train: {hflp: 0.5}", ["train.hflp: unknown key", 'did you mean "hflip"?', "allowed: antialias, "]),
        ("mixng: {}", ["mixng: unknown key", 'did you mean "mixing"?']),
        ("train: {hflip: '0.5'}", ["train.hflip: '0.5'", "write 0.5 without quotes"]),
        ("training: {learning_rate: {base: 1e-3}}", ["training.learning_rate.base: '1e-3'", "write 1.0e-3 without"]),
        ("train: {hflip: 1.5}", ["train.hflip: 1.5", "less than or equal to 1"]),
        ("train: {antialias: 1}", ["train.antialias: 1", "valid boolean"]),
        ("train: {hflip: .nan}", ["train.hflip: nan", "finite"]),
        ("train: {image_size: 224.0}", ["train.image_size: 224.0", "valid integer"]),
        ("train: {interpolation: bicubik}", ["train.interpolation: 'bicubik'", 'did you mean "bicubic"?', "lanczos"]),
        ("train: {auto_augment: rand-m9-mstd0.5-icn1}", ["train: ", "auto_augment='rand-m9-mstd0.5-icn1'"]),
        ("train: {crop: {padding: 4}}", ["train.crop: padding belongs to the other kind"]),
        ("train: {size_schedule: {knots: [[0, 160]]}}", ["train: image_size and size_schedule are given"]),
        ("validation: {resize_size: 200}", ["validation: resize_size=200 is smaller than image_size=224"]),
        ("mixing: {methods: [{method: cutmx}]}", ["mixing.methods[0].method: 'cutmx'", 'did you mean "cutmix"?']),
        ("mixing: {methods: [{method: mixup, alfa: 1.0}]}", ["methods[0].alfa", 'did you mean "alpha"?', "folded"]),
        ("mixing: {methods: [{method: mixup, alpha: -1.0}]}", ["mixing.methods[0]: ", "alpha=-1.0", "> 0"]),
        ("mixing: {weights: [1.0]}", ["mixing: ", "expected 2 numbers"]),
        (
            "mixing: {methods: [{method: cutmix, alpha: 1.0, minmax: [0.2, 0.8]}]\n, weights: null}",
            ["mixing.methods[0]: alpha=1.0 and minmax=[0.2, 0.8]", "give one of them"],
        ),
        ("loss: {smoothing: 0.1}", ["loss.smoothing: 0.1", "smooth twice", "use mixing.label_smoothing"]),
        (
            "loss: {name: binary-cross-entropy, target_threshold: 0.0}",
            ["loss.target_threshold: 0 with label smoothing 0.1", "Set the smoothing to 0"],
        ),
        ("loss: {target_threshold: 0.2}", ["loss: target_threshold", "binary-cross-entropy"]),
        ("training: {optimizer: {alpha: 0.9}}", ["training.optimizer: alpha is rmsprop's", "'adamw'"]),
        ("training: {learning_rate: {decay: step}}", ["training.learning_rate: milestones and decay: step belong"]),
        ("recalled: [train.crp]", ["recalled[1]: no key 'train.crp'", 'did you mean "train.crop"?']),
    ],
)  # fmt: skip
def test_a_fault_is_told_with_its_key_what_is_allowed_and_the_nearest_spelling(
    tmp_path: Path, text: str, parts: list[str]
) -> None:
    message = fault(tmp_path, f"extends: deit-s\n{text}\n")
    for part in parts:
        assert part in message


def test_every_fault_is_told_at_once(tmp_path: Path) -> None:
    message = fault(tmp_path, "extends: deit-s\ntrain: {hflp: 1, repeats: 0}\nmixing: {prob: 7}\n")
    assert "3 wrong" in message
    assert all(key in message for key in ("train.hflp", "train.repeats", "mixing.prob"))


def test_what_is_missing_without_a_base_is_told(tmp_path: Path) -> None:
    message = fault(tmp_path, "title: alone\n")
    assert "source: missing" in message and "training: missing" in message


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("a: [", "not YAML"),
        ("- 1\n- 2\n", "list at the top"),
        ("extends: deit-s\ntrain: {hflip: 0.1, hflip: 0.2}\n", "the key 'hflip' comes twice"),
        ("extends: 3\n", "extends: 3; expected a recipe's name or a file"),
        ("extends: ./mine.yaml\n", "extends itself"),
        ("extends: diet-s\n", 'did you mean "deit-s"?'),
    ],
)
def test_broken_files(tmp_path: Path, text: str, part: str) -> None:
    assert part in fault(tmp_path, text)


def test_extends_overrides_keys_and_keeps_the_rest(tmp_path: Path) -> None:
    written(tmp_path, "extends: deit-s\ntraining: {epochs: 100}\n", "base.yaml")
    recipe = load_recipe(written(tmp_path, "extends: base.yaml\ntrain: {erasing: null, hflip: 0.0}\n"))
    found = difference(load_recipe("deit-s"), recipe)
    assert {key for key in found if not key.startswith("train.erasing")} == {"training.epochs", "train.hflip"}
    assert recipe.train.erasing is None and recipe.training.epochs == 100


def test_a_mark_follows_its_value() -> None:
    base = {
        "training": {"epochs": 90, "optimizer": {"name": "sgd"}},
        "recalled": ["training.epochs", "training.optimizer"],
    }
    same = over(base, {"title": "x"})
    assert same["recalled"] == ["training.epochs", "training.optimizer"]
    other = over(base, {"training": {"epochs": 100, "optimizer": {"momentum": 0.9}}})
    assert other["recalled"] == ["training.optimizer"]  # of which only one key was given anew
    again = over(base, {"training": {"epochs": 100}, "recalled": ["training.epochs"]})
    assert sorted(again["recalled"]) == ["training.epochs", "training.optimizer"]


trees = st.recursive(
    st.integers(0, 3) | st.none(),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)
sections = st.dictionaries(st.sampled_from("abc"), trees, max_size=3)


@given(sections, sections, sections)
def test_laying_over_is_associative_and_its_own_identity(a: dict, b: dict, c: dict) -> None:
    assert over(over(a, b), c) == over(a, over(b, c)) or _section_replaced(a, b, c)
    assert over(a, a)["recalled"] == [] and {**over(a, a), "recalled": 0} == {**over(a, {}), "recalled": 0}


def _section_replaced(a: dict, b: dict, c: dict) -> bool:
    """A value laid over a section and a section over that value: the section below is lost or kept, by order."""

    def clashes(x: object, y: object, z: object) -> bool:
        if isinstance(x, dict) and isinstance(z, dict) and not isinstance(y, dict):
            return True
        if not (isinstance(x, dict) and isinstance(y, dict) and isinstance(z, dict)):
            return False
        return any(key in x and key in y and key in z and clashes(x[key], y[key], z[key]) for key in x)

    return clashes(a, b, c)


def test_defaults_and_choices_are_the_librarys() -> None:
    assert train_transform(Augmentation()) == TrainTransform()
    cut = Validation()
    assert ValTransform(cut.image_size, cut.resize_size, cut.interpolation, cut.antialias) == ValTransform()
    choices = Mixing.model_json_schema()["properties"]
    assert choices["granularity"]["enum"] == list(GRANULARITIES)
    assert choices["partners"]["enum"] == [rule for rule in PARTNERS if rule not in FROM_LOADER]
    interpolations = Augmentation.model_json_schema()["properties"]["interpolation"]["enum"]
    assert interpolations == list(INTERPOLATIONS)


def test_flat_names_every_key_once() -> None:
    keys = flat(load_recipe("deit-s"))
    assert keys["train.crop.scale"] == [0.08, 1.0] and keys["loss.name"] == "cross-entropy"


def test_overrides_take_the_place_of_the_recipes_values(imagenet_root: Path) -> None:
    recipe = load_recipe("rsb-a3")
    loader = recipe.train_loader(
        imagenet_root / "train", batch_size=4, image_size=64, policy=None, device="cpu", num_threads=1
    )
    assert loader.spec.pipeline.transform.size == (64, 64) and loader.spec.policy is None
    assert loader.spec.pipeline.transform.interpolation == "bicubic"
    loader = recipe.val_loader(
        imagenet_root / "val", batch_size=4, image_size=112, device="cpu", num_threads=1
    )
    assert (loader.spec.pipeline.transform.size, loader.spec.pipeline.transform.resize_size) == (
        (112, 112),
        118,
    )
    with pytest.raises(TypeError, match=r"no argument 'devise' \(did you mean \"device\"\?\)"):
        recipe.train_loader(imagenet_root / "train", batch_size=4, devise="cpu")


def test_what_is_not_provided_is_logged(imagenet_root: Path, caplog: pytest.LogCaptureFixture) -> None:
    load_recipe("ffcv-rn50").train_loader(imagenet_root / "train", batch_size=4, device="cpu", num_threads=1)
    assert "not provided here: BlurPool" in caplog.text


def test_the_schema_file_is_the_models() -> None:
    assert json.loads(SCHEMA.read_text()) == json_schema(), (
        "run: dali-mixup recipes schema > docs/recipe.schema.json"
    )


def test_reading_does_not_load_torch() -> None:
    code = (
        "import sys; from dali_mixup.recipes import load_recipe; load_recipe('deit-s'); "
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_the_command(tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from dali_mixup.cli.recipes import app

    def call(*arguments: str) -> tuple[int, str]:
        result = CliRunner().invoke(app, list(arguments))
        return result.exit_code, result.output

    code, listed = call("list")
    assert code == 0 and all(name in listed for name in recipe_names())
    code, shown = call("show", "mixup-cifar10")
    assert code == 0 and "source.top1: 95.8    (from memory)" in shown and "train.crop.kind: padded" in shown
    code, text = call("diff", "deit-s", "deit-b")
    assert (code, text) == (0, "no difference\n")
    code, text = call("diff", "rsb-a1", "rsb-a2")
    assert code == 0 and "training.epochs" in text and "600" in text and "300" in text
    good = written(tmp_path, "extends: deit-s\n", "good.yaml")
    bad = written(tmp_path, "extends: deit-s\nmixing: {prob: 2}\n", "bad.yaml")
    assert call("validate", str(good))[0] == 0
    code, text = call("validate", str(good), str(bad))
    assert code == 2 and "mixing.prob: 2" in text
    code, text = call("schema")
    assert code == 0 and json.loads(text)["title"] == "dali-mixup recipe"
