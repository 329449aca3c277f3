"""Run in a process of its own, because JAX reads the number of its CPU devices once, and its threads do not survive a
fork: `fn.mix` inside `nvidia.dali.plugin.jax.data_iterator`, sharded over two devices. Prints what it found as JSON."""

from __future__ import annotations

import json
import os
import re
import runpy
import sys
import tempfile
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from nvidia.dali import fn
from nvidia.dali.plugin.jax import data_iterator

import dali_mixup.fn
from dali_mixup import MixPolicy, Output
from dali_mixup.methods import REGISTRY, Form
from tests.fn.test_forms import noise

ROWS, H, W, STEPS = 6, 31, 22, 2
CHECKOUT = Path(__file__).parents[2]


def errors(name: str) -> dict[str, float]:
    """The largest distances of images and targets from `MixPlan.apply` and `MixPlan.targets`."""
    policy = MixPolicy([REGISTRY[name]()], granularity="sample", label_smoothing=0.1)
    images, ids = noise(ROWS, H, W), [np.array([i], np.int32) for i in range(ROWS)]

    @data_iterator(output_map=["images", "targets"])
    def mixed() -> Any:
        pixels = fn.external_source(source=lambda info: images, batch=True, batch_info=True, layout="HWC")
        labels = fn.external_source(source=lambda info: ids, batch=True, batch_info=True)
        return dali_mixup.fn.mix(
            pixels,
            labels,
            policy,
            image_size=(H, W),
            num_classes=ROWS,
            seed=3,
            output=Output(0, 1, channels_last=True),
        )

    worst = {"images": 0.0, "targets": 0.0}
    for step, batch in zip(range(STEPS), mixed(batch_size=ROWS, device_id=None, num_threads=1), strict=False):
        assert all(isinstance(part, jax.Array) for part in batch.values())
        plan = policy.plan(ROWS, H, W, seed=3, epoch=0, step=step)
        found = {
            "images": batch["images"] - plan.apply(np.stack(images)).astype(np.float32),
            "targets": batch["targets"] - plan.targets(np.arange(ROWS), ROWS),
        }
        worst = {part: max(worst[part], float(abs(found[part]).max())) for part in worst}
    return worst


def shards(folder: str) -> dict[str, Any]:
    """What the example's batches look like on two devices."""
    sharding = NamedSharding(Mesh(np.array(jax.devices()), ("rows",)), PartitionSpec("rows"))
    example = runpy.run_path(str(CHECKOUT / "examples" / "jax_sharded.py"))
    batches = example["Batches"](folder, 4, 16, 8, sharding)
    epochs = [list(batches) for _ in range(2)]
    batch = epochs[0][0]
    return {
        "batches": list(map(len, epochs)),
        "shape": batch["images"].shape,
        "shards": [[str(part.device), part.data.shape] for part in batch["images"].addressable_shards],
        "sums": [float(row) for row in batch["targets"].sum(1)],
        "different": len({float(made["images"].sum()) for epoch in epochs for made in epoch}),
    }


def run_page(root: str) -> None:
    """The block of docs/jax.md, beside a folder named imagenet."""
    page = (CHECKOUT / "docs" / "jax.md").read_text()
    (block,) = re.findall(r"^```py\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    with tempfile.TemporaryDirectory() as folder:
        os.symlink(root, f"{folder}/imagenet")
        os.chdir(folder)
        exec(compile(block, "docs/jax.md", "exec"), {"__name__": "__main__"})
        os.chdir(CHECKOUT)


if __name__ == "__main__":
    root = sys.argv[1]
    run_page(root)
    compared = {name: errors(name) for name, method in REGISTRY.items() if method.form != Form.RESIZE}
    print(json.dumps({"devices": len(jax.devices()), "errors": compared, "example": shards(f"{root}/train")}))
