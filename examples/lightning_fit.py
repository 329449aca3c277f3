"""Lightning: a DataModule that returns the loaders. They are resumed with Lightning's own checkpoints.

python examples/lightning_fit.py imagenet/train imagenet/val --devices 8
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

import lightning
import torch
import torchvision
from torchmetrics.classification import MulticlassAccuracy

from dali_mixup import (
    CutMix,
    MixLoader,
    MixPolicy,
    MixUp,
    SoftTargetCrossEntropy,
    open_source,
    train_loader,
    val_loader,
)


class ImageFolders(lightning.LightningDataModule):
    """Rank, world size and GPU come from the process group, which the trainer has set up before it asks for the
    loaders."""

    def __init__(self, train: str, val: str, batch_size: int, image_size: int) -> None:
        super().__init__()
        self.train, self.val = open_source(train), val
        self.arguments = {"batch_size": batch_size, "image_size": image_size}

    def train_dataloader(self) -> MixLoader:
        policy = MixPolicy([MixUp(0.2), CutMix(1.0)], label_smoothing=0.1)
        return train_loader(self.train, policy=policy, device=self.device, **self.arguments)

    def val_dataloader(self) -> MixLoader:
        return val_loader(self.val, classes=self.train, device=self.device, **self.arguments)

    @property
    def device(self) -> torch.device:
        return self.trainer.strategy.root_device


class Classifier(lightning.LightningModule):
    def __init__(self, model: str, num_classes: int) -> None:
        super().__init__()
        self.model = torchvision.models.get_model(model, num_classes=num_classes)
        self.loss = SoftTargetCrossEntropy()
        # A metric that adds up counts: ranks may differ by a row, and `sync_dist=True` weighs them all alike.
        self.accuracy = MulticlassAccuracy(num_classes, average="micro")

    def training_step(self, batch: Any, _: int) -> torch.Tensor:
        images, targets = batch
        return self.loss(self.model(images), targets)

    def validation_step(self, batch: Any, _: int) -> None:
        images, labels = batch
        self.accuracy.update(self.model(images), labels)
        self.log("accuracy", self.accuracy, batch_size=len(labels), prog_bar=True)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(self.parameters(), lr=1e-3, weight_decay=0.05)


def main(arguments: Sequence[str] | None = None) -> lightning.Trainer:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("train")
    parser.add_argument("val")
    parser.add_argument("--model", default="resnet18", help="of torchvision")
    parser.add_argument("--epochs", type=int, default=90)
    parser.add_argument("--batch-size", type=int, default=32, help="per rank")
    parser.add_argument("--image-size", type=int, default=224)
    parser.add_argument("--devices", type=int, default=1)
    parser.add_argument("--resume", help="a checkpoint")
    args = parser.parse_args(arguments)

    trainer = lightning.Trainer(max_epochs=args.epochs, devices=args.devices)
    folders = ImageFolders(args.train, args.val, args.batch_size, args.image_size)
    trainer.fit(Classifier(args.model, folders.train.num_classes), datamodule=folders, ckpt_path=args.resume)
    return trainer


if __name__ == "__main__":
    main()
