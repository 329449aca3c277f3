"""Segmentation: train a small network on images with masks, mixed by CutMix, and validate it by mean IoU.

python examples/segmentation.py ADE/images/training ADE/annotations/training ADE/images/validation \
    ADE/annotations/validation --num-classes 151
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import torch
from torch import nn

from dali_mixup import CutMix, MixLoader, MixPolicy, TrainTransform, open_source, train_loader, val_loader


class SmallNet(nn.Module):
    """Convolutions at an eighth of the resolution, and one beside them at the full."""

    def __init__(self, num_classes: int, width: int = 32):
        super().__init__()
        self.near = nn.Conv2d(3, width, 3, padding=1)
        self.far = nn.Sequential(
            *(
                layer
                for inputs in (3, width, width)
                for layer in (
                    nn.Conv2d(inputs, width, 3, stride=2, padding=1),
                    nn.BatchNorm2d(width),
                    nn.ReLU(),
                )
            ),
            nn.Conv2d(width, width, 3, padding=1),
        )
        self.head = nn.Sequential(nn.BatchNorm2d(width), nn.ReLU(), nn.Conv2d(width, num_classes, 1))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        far = nn.functional.interpolate(self.far(images), images.shape[2:], mode="bilinear")
        return self.head(self.near(images) + far)


def main(arguments: Sequence[str] | None = None) -> float:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("train-images", "train-masks", "val-images", "val-masks"):
        parser.add_argument(name.replace("-", "_"))
    parser.add_argument("--num-classes", type=int, required=True)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--image-size", type=int, default=256)
    args = parser.parse_args(arguments)

    training = open_source(args.train_images, masks=args.train_masks)
    held_out = open_source(args.val_images, masks=args.val_masks)
    transform = TrainTransform(args.image_size, scale=(0.5, 1.0), color_jitter=0.2)
    common = {"batch_size": args.batch_size, "num_classes": args.num_classes}
    policy = MixPolicy(CutMix(), prob=0.5, granularity="sample")
    with (
        train_loader(training, policy=policy, transform=transform, **common) as batches,
        val_loader(held_out, image_size=args.image_size, **common) as validation,
    ):
        model = SmallNet(args.num_classes).to(batches.device)
        steps = args.epochs * len(batches)
        optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-2, total_steps=steps)
        loss_of = nn.CrossEntropyLoss(ignore_index=training.ignore_index)
        for _ in range(args.epochs):
            model.train()
            for images, maps in batches:  # (N, 3, H, W) and (N, H, W)
                optimizer.zero_grad()
                loss_of(model(images), maps).backward()
                optimizer.step()
                schedule.step()
        score = mean_iou(model, validation, args.num_classes)
        print(f"{args.epochs} epochs done, mean IoU {score:.3f} on {len(held_out)} validation images")
    return score


@torch.no_grad()
def mean_iou(model: nn.Module, validation: MixLoader, num_classes: int) -> float:
    """The mean over the classes of intersection over union, on all pixels that have a class."""
    model.eval()
    counts = torch.zeros(num_classes, num_classes)
    for images, maps in validation:
        predicted, known = model(images).argmax(1), maps != validation.dataset.ignore_index
        pairs = maps[known] * num_classes + predicted[known]
        counts += torch.bincount(pairs, minlength=num_classes**2).reshape(num_classes, num_classes).cpu()
    union = counts.sum(0) + counts.sum(1) - counts.diag()
    return float((counts.diag() / union)[union > 0].mean())


if __name__ == "__main__":
    main()
