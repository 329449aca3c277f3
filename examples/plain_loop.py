"""A plain loop: train with MixUp and CutMix, validate, save, and continue after an interruption when started again.

python examples/plain_loop.py imagenet/train imagenet/val --checkpoint run.pt
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import torchvision

from dali_mixup import CutMix, MixPolicy, MixUp, SoftTargetCrossEntropy, train_loader, val_loader


def main(arguments: Sequence[str] | None = None) -> float | None:
    """The share of validation images classified correctly; None where no epoch was left."""
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
    args.checkpoint.parent.mkdir(parents=True, exist_ok=True)

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
            load(args.checkpoint, parts)
            if batches.epoch >= args.epochs:
                print(f"nothing to do: {args.checkpoint} has {batches.epoch} of {args.epochs} epochs")

        steps, accuracy = 0, None
        while batches.epoch < args.epochs:
            model.train()
            for images, targets in batches:
                optimizer.zero_grad()
                loss_of(model(images), targets).backward()
                optimizer.step()
                steps += 1
                if steps % args.save_every == 0:
                    save(args.checkpoint, parts)
                if steps == args.stop_after:
                    return accuracy
            save(args.checkpoint, parts)
            accuracy = validate(model, validation)
            print(f"{batches.epoch} epochs done, {accuracy:.1%} of the validation images correct")
    return accuracy


def save(file: Path, parts: Mapping[str, Any]) -> None:
    """Whole or not at all: a run that is killed meanwhile keeps its last checkpoint."""
    states = {name: part.state_dict() for name, part in parts.items()}
    states["rng"] = torch.get_rng_state()  # dropout draws from it
    states["cuda_rng"] = torch.cuda.get_rng_state() if torch.cuda.is_available() else None
    unfinished = file.with_name(f"{file.name}.unfinished")
    torch.save(states, unfinished)
    os.replace(unfinished, file)


def load(file: Path, parts: Mapping[str, Any]) -> None:
    states = torch.load(file, map_location="cpu")
    for name, part in parts.items():
        part.load_state_dict(states[name])
    torch.set_rng_state(states["rng"])
    if states["cuda_rng"] is not None:
        torch.cuda.set_rng_state(states["cuda_rng"])


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
