"""JAX: `dali_mixup.fn.mix` in the pipeline of DALI's iterator for JAX, the rows of a batch sharded over all devices.

python examples/jax_sharded.py imagenet/train
XLA_FLAGS=--xla_force_host_platform_device_count=2 JAX_PLATFORMS=cpu python examples/jax_sharded.py imagenet/train
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from nvidia.dali import fn, types
from nvidia.dali.plugin.base_iterator import LastBatchPolicy
from nvidia.dali.plugin.jax import data_iterator

import dali_mixup.fn
from dali_mixup import CutMix, MixPolicy, MixUp, Output

POLICY = MixPolicy([MixUp(0.2), CutMix(1.0)], label_smoothing=0.1)


def training(
    folder: str, classes: int, size: int, device: str, shard_id: int, num_shards: int
) -> tuple[Any, Any]:
    """The pipeline of one shard. Each decides for its own rows: `rank` makes their decisions differ."""
    encoded, labels = fn.readers.file(
        file_root=folder, shard_id=shard_id, num_shards=num_shards, random_shuffle=True, seed=1, name="reader"
    )
    images = fn.decoders.image_random_crop(
        encoded, device="mixed" if device == "gpu" else "cpu", output_type=types.RGB, seed=2 + shard_id
    )
    return dali_mixup.fn.mix(
        fn.resize(images, size=[size, size]),
        labels,
        POLICY,
        image_size=size,
        num_classes=classes,
        seed=3,
        rank=shard_id,
        output=Output(channels_last=True),
    )


class Batches:
    """Batches {"images": (N, H, W, 3), "targets": (N, classes)} as sharded arrays, epoch after epoch."""

    def __init__(self, folder: str, classes: int, size: int, batch_size: int, sharding: NamedSharding):
        self.sharding = sharding
        device = jax.default_backend()
        kept = {"reader_name": "reader", "last_batch_policy": LastBatchPolicy.DROP, "auto_reset": True}
        kept["output_map"] = ["images", "targets"]
        arguments = {"folder": folder, "classes": classes, "size": size, "device": device}
        if device == "gpu":  # one pipeline per GPU, which DALI tells its number and its shard
            made = data_iterator(training, sharding=sharding, **kept)
            self.iterator = made(**arguments, batch_size=batch_size)
        else:  # one pipeline per process: those of `sharding=` would want GPUs
            made = data_iterator(training, **kept)
            share = {"shard_id": jax.process_index(), "num_shards": jax.process_count()}
            rows = batch_size // jax.process_count()
            self.iterator = made(**arguments, **share, batch_size=rows, device_id=None)

    def __iter__(self) -> Iterator[dict[str, jax.Array]]:
        for batch in self.iterator:
            if jax.default_backend() != "gpu":
                batch = {
                    name: jax.make_array_from_process_local_data(self.sharding, np.asarray(rows))
                    for name, rows in batch.items()
                }
            yield batch


def initial(classes: int, width: int = 16) -> dict[str, jax.Array]:
    """The parameters of a small convolutional network."""
    first, second, last = jax.random.split(jax.random.key(0), 3)
    he = jax.nn.initializers.he_normal(in_axis=(0, 1, 2), out_axis=3)
    return {
        "first": he(first, (3, 3, 3, width)),
        "second": he(second, (3, 3, width, 2 * width)),
        "last": jax.random.normal(last, (2 * width, classes)) * 0.1,
        "bias": jnp.zeros(classes),
    }


def loss_of(parameters: dict[str, jax.Array], images: jax.Array, targets: jax.Array) -> jax.Array:
    """Cross-entropy against soft targets, the mean over all rows of all devices."""
    x = images
    for name in ("first", "second"):
        x = jax.lax.conv_general_dilated(
            x, parameters[name], (2, 2), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
        )
        x = jax.nn.relu(x)
    logits = x.mean((1, 2)) @ parameters["last"] + parameters["bias"]
    return -(targets * jax.nn.log_softmax(logits)).sum(1).mean()


@jax.jit
def step(
    parameters: dict[str, jax.Array], images: jax.Array, targets: jax.Array, rate: float
) -> tuple[dict[str, jax.Array], jax.Array]:
    loss, slopes = jax.value_and_grad(loss_of)(parameters, images, targets)
    return jax.tree.map(lambda value, slope: value - rate * slope, parameters, slopes), loss


def main(arguments: Sequence[str] | None = None) -> list[float]:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("train")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--batch-size", type=int, default=256, help="rows of all devices together")
    parser.add_argument("--image-size", type=int, default=224)
    parser.add_argument("--rate", type=float, default=0.1)
    args = parser.parse_args(arguments)

    classes = sum(folder.is_dir() for folder in Path(args.train).iterdir())
    mesh = Mesh(np.array(jax.devices()), ("rows",))
    batches = Batches(
        args.train, classes, args.image_size, args.batch_size, NamedSharding(mesh, PartitionSpec("rows"))
    )
    parameters = jax.device_put(initial(classes), NamedSharding(mesh, PartitionSpec()))
    losses = []
    for epoch in range(args.epochs):
        found = []
        for batch in batches:
            parameters, loss = step(parameters, batch["images"], batch["targets"], args.rate)
            found.append(loss)
        losses.append(float(np.mean(found)))
        print(f"epoch {epoch}: loss {losses[-1]:.3f} on {len(jax.devices())} devices")
    return losses


if __name__ == "__main__":
    main()
