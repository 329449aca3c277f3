"""`dali-mixup recipes`."""

from __future__ import annotations

import json
from pathlib import Path

from dali_mixup.recipes import json_schema, recipe_names
from tests.recipes.writing import written


def test_the_command_prints_the_schema_that_describes_the_models() -> None:
    from typer.testing import CliRunner

    from dali_mixup.cli.recipes import app

    printed = CliRunner().invoke(app, ["schema"])
    assert json.loads(printed.output) == json_schema()
    assert "label_smoothing" in printed.output and "extends" in json_schema()["properties"]


def test_the_command(tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from dali_mixup.cli.recipes import app

    def call(*arguments: str) -> tuple[int, str]:
        result = CliRunner().invoke(app, list(arguments))
        return result.exit_code, result.output

    code, listed = call("list")
    assert code == 0 and all(name in listed for name in recipe_names())
    code, shown = call("show", "mixup-cifar10")
    assert code == 0 and "source.top1: 95.8    (from memory)" in shown and "transform.crop: padded" in shown
    code, text = call("diff", "deit-s", "deit-b")
    assert code == 0 and text.splitlines()[1:] == [
        "source.model  deit_small_patch16_224  deit_base_patch16_224"
    ]
    assert call("diff", "deit-s", "deit-s") == (0, "no difference\n")
    code, text = call("diff", "rsb-a1", "rsb-a2")
    assert code == 0 and "training.epochs" in text and "600" in text and "300" in text
    good = written(tmp_path, "extends: deit-s\n", "good.yaml")
    bad = written(tmp_path, "extends: deit-s\npolicy: {prob: 2}\n", "bad.yaml")
    assert call("validate", str(good))[0] == 0
    code, text = call("validate", str(good), str(bad))
    assert code == 2 and "policy: prob=2" in text
    code, text = call(
        "validate", str(bad), str(tmp_path), str(good), str(written(tmp_path, "a: [", "worse.yaml"))
    )
    assert code == 2 and "policy: prob=2" in text and f"{good}: " in text and "worse.yaml" in text
    assert text.count("it is a folder") == 1
    unnamed = written(tmp_path, "extends: deit-s\n", "no_suffix")
    assert call("validate", str(unnamed))[0] == 0
    code, text = call("schema")
    assert code == 0 and json.loads(text)["title"] == "dali-mixup recipe"
