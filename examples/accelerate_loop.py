"""Accelerate: gradient accumulation, metrics over all ranks, checkpoints.

accelerate launch examples/accelerate_loop.py imagenet/train imagenet/val
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import torch
import torchvision
from accelerate import Accelerator

from dali_mixup import CutMix, MixPolicy, MixUp, SoftTargetCrossEntropy, train_loader, val_loader
from dali_mixup.integrations.accelerate import AccelerateLoader


def main(arguments: Sequence[str] | None = None) -> tuple[float, int]:
    """(accuracy, optimizer steps)"""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("train")
    parser.add_argument("val")
    parser.add_argument("--checkpoints", type=Path, default=Path("checkpoints"))
    parser.add_argument("--model", default="resnet18", help="of torchvision")
    parser.add_argument("--epochs", type=int, default=90)
    parser.add_argument("--batch-size", type=int, default=8, help="per rank and backward pass")
    parser.add_argument("--image-size", type=int, default=224)
    parser.add_argument("--accumulate", type=int, default=4, help="batches per step")
    args = parser.parse_args(arguments)

    accelerator = Accelerator(gradient_accumulation_steps=args.accumulate)
    size = {"batch_size": args.batch_size, "image_size": args.image_size, "device": accelerator.device}
    policy = MixPolicy([MixUp(0.2), CutMix(1.0)], label_smoothing=0.1)
    # Made after the Accelerator: the loaders take their rank from the process group that it sets up.
    batches = AccelerateLoader(train_loader(args.train, policy=policy, **size))
    validation = AccelerateLoader(val_loader(args.val, classes=batches.dataset, **size))
    model = torchvision.models.get_model(args.model, num_classes=batches.num_classes)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.05)
    loss_of = SoftTargetCrossEntropy()
    model, optimizer = accelerator.prepare(model, optimizer)
    accelerator.register_for_checkpointing(batches)
    if args.checkpoints.exists():
        accelerator.load_state(str(args.checkpoints))

    accuracy, steps = 0.0, 0
    while batches.epoch < args.epochs:
        model.train()
        for images, targets in batches:
            with accelerator.accumulate(model):
                accelerator.backward(loss_of(model(images), targets))
                optimizer.step()
                optimizer.zero_grad()
                steps += accelerator.sync_gradients
        model.eval()
        right = seen = 0
        for images, labels in validation:
            with torch.no_grad():
                guesses = model(images).argmax(1)
            # Ranks may differ by a row in the last batches: pad with -1, and leave those out afterwards.
            both = accelerator.pad_across_processes((guesses, labels), pad_index=-1)
            guesses, labels = accelerator.gather_for_metrics(both)
            right += int((guesses == labels)[labels >= 0].sum())
            seen += int((labels >= 0).sum())
        accuracy = right / seen
        accelerator.print(f"{batches.epoch} epochs done, {accuracy:.1%} of {seen} validation images correct")
        accelerator.save_state(str(args.checkpoints))
    return accuracy, steps


if __name__ == "__main__":
    main()
