"""A plain loop: train with MixUp and CutMix, validate, save, and continue after an interruption when started again.

python examples/plain_loop.py imagenet/train imagenet/val --checkpoint run.pt
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch
import torchvision

from dali_mixup import CutMix, MixPolicy, MixUp, SoftTargetCrossEntropy, train_loader, val_loader


def main(arguments: Sequence[str] | None = None) -> float:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("train")
    parser.add_argument("val")
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--model", default="resnet18", help="of torchvision")
    parser.add_argument("--epochs", type=int, default=90)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--image-size", type=int, default=224)
    parser.add_argument("--save-every", type=int, default=1000, help="steps between checkpoints")
    parser.add_argument("--stop-after", type=int, help="steps, to try the resume")
    args = parser.parse_args(arguments)

    policy = MixPolicy([MixUp(0.2), CutMix(1.0)], label_smoothing=0.1)
    with (
        train_loader(
            args.train, policy=policy, batch_size=args.batch_size, image_size=args.image_size
        ) as batches,
        val_loader(
            args.val, classes=batches, batch_size=args.batch_size, image_size=args.image_size
        ) as validation,
    ):
        model = torchvision.models.get_model(args.model, num_classes=batches.num_classes).to(batches.device)
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.05)
        loss_of = SoftTargetCrossEntropy()
        parts = {"model": model, "optimizer": optimizer, "loader": batches}
        if args.checkpoint.exists():
            saved = torch.load(args.checkpoint, map_location=batches.device)
            for name, part in parts.items():
                part.load_state_dict(saved[name])

        steps, accuracy = 0, 0.0
        while batches.epoch < args.epochs:
            model.train()
            for images, targets in batches:
                optimizer.zero_grad()
                loss_of(model(images), targets).backward()
                optimizer.step()
                steps += 1
                if steps % args.save_every == 0:
                    torch.save({name: part.state_dict() for name, part in parts.items()}, args.checkpoint)
                if steps == args.stop_after:
                    return accuracy
            accuracy = validate(model, validation)
            print(f"{batches.epoch} epochs done, {accuracy:.1%} of the validation images correct")
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
