"""Training for robustness: AugMix and its Jensen-Shannon loss, with fractals also PixMix.

python examples/robust.py imagenet/train imagenet/val --pictures fractals
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import torch
import torchvision

from dali_mixup import HandOver, TrainTransform, Unlabelled, View, train_loader, val_loader
from dali_mixup.augment import PixMix
from dali_mixup.losses import JensenShannonCrossEntropy


def main(arguments: Sequence[str] | None = None) -> float:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("train")
    parser.add_argument("val")
    parser.add_argument(
        "--pictures", help="images to mix in by PixMix, such as fractals; without them AugMix alone"
    )
    parser.add_argument("--model", default="resnet18", help="of torchvision")
    parser.add_argument("--epochs", type=int, default=90)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--image-size", type=int, default=224)
    args = parser.parse_args(arguments)

    # One crop of every image three times: as it is, and augmented twice.
    pixmix = PixMix(beta=4, severity=1) if args.pictures else None
    augmented = TrainTransform(args.image_size, auto_augment="augmix_paper-s1", pixmix=pixmix)
    views = [View(TrainTransform(args.image_size)), View(augmented, window="shared", count=2)]
    pictures = HandOver(unlabelled=Unlabelled(args.pictures, views=views)) if args.pictures else None
    with (
        train_loader(args.train, views=views, handover=pictures, batch_size=args.batch_size) as batches,
        val_loader(
            args.val, classes=batches, batch_size=args.batch_size, image_size=args.image_size
        ) as validation,
    ):
        model = torchvision.models.get_model(args.model, num_classes=batches.num_classes).to(batches.device)
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.05)
        loss_of = JensenShannonCrossEntropy(num_splits=3)
        for epoch in range(args.epochs):
            model.train()
            for images, labels, *_ in batches:
                optimizer.zero_grad()
                loss_of(model(torch.cat(images)), labels).backward()
                optimizer.step()
            model.eval()
            with torch.no_grad():
                right = sum((model(images).argmax(1) == labels).sum().item() for images, labels in validation)
            accuracy = right / len(validation.dataset)
            print(f"{epoch + 1} epochs done, accuracy {accuracy:.3f}")
    return accuracy


if __name__ == "__main__":
    main()
