"""DALI's dynamic mode: read, decode, crop and mix with one call each, in a plain PyTorch loop.

python examples/dynamic_mode.py imagenet/train imagenet/val
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence

import torch
import torchvision
from nvidia.dali import types
from nvidia.dali.experimental import dynamic as ndd

from dali_mixup import (
    CutMix,
    MixPolicy,
    MixUp,
    Output,
    SoftTargetCrossEntropy,
    dynamic,
    open_source,
    val_loader,
)


class Batches:
    """Mixed batches (images (N, 3, size, size), targets (N, classes)) on a device, epoch after epoch."""

    def __init__(self, folder: str, policy: MixPolicy, classes: int, size: int, batch_size: int, device: str):
        self.policy, self.classes, self.device = policy, classes, device
        self.size, self.batch_size = size, batch_size
        self.reader = ndd.readers.File(
            file_root=folder, random_shuffle=True, seed=1, pad_last_batch=False, stick_to_shard=True
        )
        self.rng = ndd.random.RNG(seed=2)
        self.epoch = 0

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        # capture=True: after the first batch DALI runs the reader, the decoder and the resize as a pipeline, ahead.
        batches = self.reader.next_epoch(batch_size=self.batch_size, capture=True)
        for step, (encoded, labels) in enumerate(batches):
            crops = ndd.decoders.image_random_crop(
                encoded, device=self.device, output_type=types.RGB, rng=self.rng
            )
            images = ndd.resize(crops, size=[self.size, self.size])
            plan = self.policy.plan(
                images.batch_size, self.size, self.size, seed=3, epoch=self.epoch, step=step
            )
            images, targets = dynamic.mix(images, labels, plan, num_classes=self.classes, output=Output())
            yield images.torch(), targets.torch()
        self.epoch += 1


def main(arguments: Sequence[str] | None = None) -> float:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("train")
    parser.add_argument("val")
    parser.add_argument("--model", default="resnet18", help="of torchvision")
    parser.add_argument("--epochs", type=int, default=90)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--image-size", type=int, default=224)
    args = parser.parse_args(arguments)

    policy = MixPolicy([MixUp(0.2), CutMix(1.0)], label_smoothing=0.1)
    train = open_source(args.train)  # its class ids are those of DALI's reader: folders in alphabetical order
    validation = val_loader(args.val, classes=train, batch_size=args.batch_size, image_size=args.image_size)
    device = "gpu" if validation.device.type == "cuda" else "cpu"
    batches = Batches(args.train, policy, train.num_classes, args.image_size, args.batch_size, device)
    model = torchvision.models.get_model(args.model, num_classes=train.num_classes).to(validation.device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.05)
    loss_of = SoftTargetCrossEntropy()
    accuracy = 0.0
    for epoch in range(args.epochs):
        model.train()
        for images, targets in batches:
            optimizer.zero_grad()
            loss_of(model(images), targets).backward()
            optimizer.step()
        accuracy = validate(model, validation)
        print(f"{epoch + 1} epochs done, {accuracy:.1%} of the validation images correct")
    return accuracy


@torch.no_grad()
def validate(model: torch.nn.Module, validation: object) -> float:
    model.eval()
    right = seen = 0
    for images, labels in validation:
        right += int((model(images).argmax(1) == labels).sum())
        seen += len(labels)
    return right / seen


if __name__ == "__main__":
    main()
