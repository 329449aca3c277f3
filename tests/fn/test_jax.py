"""`fn.mix` inside DALI's iterator for JAX, on two CPU devices; see `jax_worker`."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dali_mixup.methods import REGISTRY, Form

CHECKOUT = Path(__file__).parents[2]
TWO = {
    "JAX_PLATFORMS": "cpu",
    "XLA_FLAGS": "--xla_force_host_platform_device_count=2",
    "CUDA_VISIBLE_DEVICES": "",
}


def in_jax(*command: str) -> str:
    paths = os.pathsep.join(filter(None, [str(CHECKOUT), os.environ.get("PYTHONPATH", "")]))
    environment = {**os.environ, **TWO, "PYTHONPATH": paths}
    run = subprocess.run(
        [sys.executable, *command], cwd=CHECKOUT, env=environment, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


@pytest.fixture(scope="module")
def found(imagenet_root: Path) -> dict[str, Any]:
    pytest.importorskip("jax")
    return json.loads(in_jax("-m", "tests.fn.jax_worker", str(imagenet_root)).splitlines()[-1])


@pytest.mark.parametrize("name", [name for name, method in REGISTRY.items() if method.form != Form.RESIZE])
def test_batches_are_what_the_plan_says(found: dict[str, Any], name: str) -> None:
    errors = found["errors"][name]
    assert errors["images"] <= (0 if REGISTRY[name].form == Form.PASTE else 255e-6)
    assert errors["targets"] <= 1e-6


def test_rows_are_sharded_over_two_devices(found: dict[str, Any]) -> None:
    example = found["example"]
    assert found["devices"] == 2
    assert example["shape"] == [8, 16, 16, 3]
    assert [part[1] for part in example["shards"]] == [[4, 16, 16, 3]] * 2
    assert len({part[0] for part in example["shards"]}) == 2
    assert example["batches"] == [3, 3] and example["different"] == 6
    assert example["sums"] == pytest.approx([1] * 8, abs=1e-6)


def test_the_example_learns(imagenet_root: Path) -> None:
    pytest.importorskip("jax")
    given = ["--image-size", "32", "--batch-size", "8", "--epochs", "12"]
    lines = in_jax("examples/jax_sharded.py", str(imagenet_root / "train"), *given).splitlines()
    losses = [float(line.split("loss ")[1].split()[0]) for line in lines]
    assert len(losses) == 12 and lines[-1].endswith("on 2 devices")
    assert sum(losses[-3:]) / 3 < 0.8 * losses[0]
