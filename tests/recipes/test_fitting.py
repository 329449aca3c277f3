"""Parts of a recipe that do not fit together are refused when it is read, not when a loader or a loss is made of it."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

import pytest
from torch import nn

from dali_mixup import ValTransform, latent
from dali_mixup.recipes import RecipeError, flat, load_recipe
from dali_mixup.recipes.building import val_arguments
from dali_mixup.recipes.errors import Fault
from dali_mixup.recipes.latent_parameters import PARAMETERS, check_parameters
from tests.recipes.writing import written

UNION = "{methods: [{method: mixup}], label_mixing: union}"
OWN = "extends: deit-s\npolicy: {label_smoothing: 0, label_mixing: union}\n"
OF_A_VIEW = f"extends: deit-s\npolicy: null\nviews: [{{policy: {UNION}}}, {{}}]\n"
PLAIN = "extends: deit-s\npolicy: {label_smoothing: 0}\n"


def refused(folder: Path, text: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        load_recipe(written(folder, text))


@pytest.mark.parametrize(
    ("text", "loss"),
    [(OWN, "cross-entropy"), (OWN, "regmixup"), (OF_A_VIEW, "cross-entropy")],
    ids=["own", "regmixup", "view"],
)
def test_a_union_of_labels_has_no_cross_entropy(tmp_path: Path, text: str, loss: str) -> None:
    refused(
        tmp_path,
        f"{text}loss: {{name: {loss}}}\n",
        rf"loss\.name: {loss} with label_mixing: union.* expected loss\.name: binary-cross-entropy",
    )


@pytest.mark.parametrize("text", [OWN, OF_A_VIEW], ids=["own", "view"])
def test_a_union_of_labels_has_a_binary_cross_entropy(tmp_path: Path, text: str) -> None:
    recipe = load_recipe(written(tmp_path, f"{text}loss: {{name: binary-cross-entropy}}\n"))
    assert recipe.loss() is not None


def test_a_loss_of_the_authors_takes_any_labels(tmp_path: Path) -> None:
    text = f"{OF_A_VIEW}loss: {{name: in-example, example: examples/robust.py}}\n"
    assert load_recipe(written(tmp_path, text)).policies[0].label_mixing == "union"


def test_the_parameters_are_those_of_the_modules() -> None:
    of_the_script = {"model"}
    for module, names in PARAMETERS.items():
        signature = inspect.signature(getattr(latent, module)).parameters
        assert set(names) == set(signature) - of_the_script


@pytest.mark.parametrize(
    ("section", "message"),
    [
        (
            "{module: MultiMix, parameters: {n: 10, foo: 1}}",
            r"latent\.parameters\.foo: unknown key of MultiMix; allowed: alpha, m, n, num_classes",
        ),
        ("{module: MixMatchStep, parameters: {temprature: 1}}", r"did you mean 'temperature'\?"),
        ("{module: ManifoldMixup, parameters: {model: resnet50}}", r"latent\.parameters\.model: unknown key"),
        (
            "{module: InterpolationConsistency, parameters: {mode: foo}}",
            r"latent\.parameters\.mode: mode='foo', expected one of 'logits', 'probs'$",
        ),
        (
            "{module: InterpolationConsistency, parameters: {mode: probs, k: 3}}",
            r"latent\.parameters\.k: 3 with mode: probs.*; expected 2$",
        ),
        ("{module: MultiMix, ramp_epochs: 3}", r"latent\.ramp_epochs: 3.* does nothing with ramp: none"),
    ],
)
def test_latent_parameters_are_checked(tmp_path: Path, section: str, message: str) -> None:
    refused(tmp_path, f"{PLAIN}latent: {section}\n", message)


VALUES: dict[str, list[object]] = {
    "alpha": [1.0, 2, 0, -1.0, True, "1", None, [0.5, 2.0], [2.0, 0.5], [1.0], [0.0, 1.0], []],
    "mode": ["logits", "probs", "foo", 1, None],
    "k": [2, 3, 1, 2.0, True, None],
    "num_classes": [2, 1, 10.0, "10", None],
    "temperature": [1.0, 0.5, 0, 1.1, "0.5", None],
    "interleave": [True, False, "no", 1, None],
    "n": [1, 0, 1.0, None],
    "m": [None, 2, 1, 2.0],
    "fresh": [False, "no", None],
    "layers": [["0"], ["0", "1"], [], ["0", "0"], [3], "0", None],
    "include_input": [False, "no", None],
}


@pytest.mark.parametrize(
    ("module", "name"), [(module, name) for module, names in PARAMETERS.items() for name in names]
)
def test_values_are_refused_where_the_module_refuses_them(tmp_path: Path, module: str, name: str) -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    rest: dict[str, object] = {"layers": ["0"]} if module == "ManifoldMixup" else {}
    rest |= {"num_classes": 4} if "num_classes" in PARAMETERS[module] else {}
    of_the_script = {"model": model} if module == "ManifoldMixup" else {}
    outcomes = set()
    for value in VALUES[name]:
        given = {**rest, name: value}
        as_tuples = {key: tuple(v) if isinstance(v, list) else v for key, v in given.items()}
        try:
            getattr(latent, module)(**as_tuples, **of_the_script)
        except (TypeError, ValueError):
            with pytest.raises(Fault, match=f"^parameters.{name}: "):
                check_parameters(module, given)
            outcomes.add("refused")
        else:
            check_parameters(module, given)
            outcomes.add("taken")
    assert outcomes == {"taken", "refused"}


@pytest.mark.parametrize(
    "given",
    [
        {"layers": [], "include_input": False},
        {"layers": [], "include_input": True},
        {"layers": ["input"]},
        {"layers": ["input"], "include_input": False},
    ],
)
def test_layers_that_are_none_are_refused_as_the_module_does(given: dict[str, Any]) -> None:
    model = nn.ModuleDict({"input": nn.Linear(2, 2)})
    try:
        latent.ManifoldMixup(model, **given)
    except ValueError:
        with pytest.raises(Fault, match=r"^parameters\.layers: "):
            check_parameters("ManifoldMixup", given)
    else:
        check_parameters("ManifoldMixup", given)


def test_parameters_reach_the_module(tmp_path: Path) -> None:
    text = f"{PLAIN}latent: {{module: MultiMix, parameters: {{n: 10, num_classes: 4}}}}\n"
    assert isinstance(load_recipe(written(tmp_path, text)).latent_module(), latent.MultiMix)


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ("transform: {blur_sigma: [0.1, 1.0]}", r"transform: blur_sigma=\(0\.1, 1\.0\) has no effect"),
        ("output: {mean: -5.0, std: 50.0}", r"output: .* has a mean below 0"),
        (
            "policy: null\nviews: [{output: {mean: 32000.0, std: 12000.0}}]",
            r"views\[0\]: .*too large a mean and std",
        ),
    ],
)
def test_options_without_sense_are_refused(tmp_path: Path, section: str, message: str) -> None:
    refused(tmp_path, f"extends: deit-s\n{section}\n", message)


def test_keys_say_what_a_default_stands_for(tmp_path: Path) -> None:
    text = "extends: deit-s\ntransform: {crop: rkrc}\nvalidation: {transform: {image_size: 160}}\n"
    keys = flat(load_recipe(written(tmp_path, text)))
    assert keys["transform.scale"] == [0.8, 1.0]
    assert keys["validation.transform.image_size"] == 160


def test_another_size_of_validation_has_its_own_default(tmp_path: Path) -> None:
    text = "extends: deit-s\nvalidation: {transform: {resize_size: null, image_size: 224}}\n"
    arguments = val_arguments(load_recipe(written(tmp_path, text)), {"image_size": 160})
    assert arguments["transform"].resolved.resize_size == ValTransform(160).resolved.resize_size == 183
