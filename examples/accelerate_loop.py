"""Accelerate: gradient accumulation, metrics over all ranks, checkpoints.

accelerate launch examples/accelerate_loop.py imagenet/train imagenet/val
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

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
    parser.add_argument(
        "--checkpoints", type=Path, default=Path("checkpoints"), help="a folder that all hosts share"
    )
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
    saved = sorted(args.checkpoints.glob("epoch-*"))
    if saved:
        accelerator.load_state(str(saved[-1]))

    steps = 0
    if batches.epoch >= args.epochs:  # a finished run, started again
        return validate(accelerator, model, validation, batches.epoch), steps
    while batches.epoch < args.epochs:
        model.train()
        for images, targets in batches:
            with accelerator.accumulate(model):
                accelerator.backward(loss_of(model(images), targets))
                optimizer.step()
                optimizer.zero_grad()
                steps += accelerator.sync_gradients
        accuracy = validate(accelerator, model, validation, batches.epoch)
        save(accelerator, args.checkpoints, batches.epoch)
    return accuracy, steps


def save(accelerator: Accelerator, folder: Path, epoch: int) -> None:
    """Save into a folder that gets its name when it is whole, so that an interruption leaves the last epoch's."""
    part, earlier = folder / "part", list(folder.glob("epoch-*"))
    accelerator.save_state(str(part))
    accelerator.wait_for_everyone()
    if accelerator.is_main_process:
        part.rename(folder / f"epoch-{epoch:04}")
        for old in earlier:
            shutil.rmtree(old)
    accelerator.wait_for_everyone()


@torch.no_grad()
def validate(accelerator: Accelerator, model: torch.nn.Module, validation: Any, epochs: int) -> float:
    model.eval()
    right = seen = 0
    for images, labels in validation:
        guesses = model(images).argmax(1)
        # Ranks may differ by a row in the last batches: pad with -1, and leave those out afterwards.
        both = accelerator.pad_across_processes((guesses, labels), pad_index=-1)
        guesses, labels = accelerator.gather_for_metrics(both)
        right += int((guesses == labels)[labels >= 0].sum())
        seen += int((labels >= 0).sum())
    accelerator.print(f"{epochs} epochs done, {right / seen:.1%} of {seen} validation images correct")
    return right / seen


if __name__ == "__main__":
    main()
