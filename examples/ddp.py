"""DistributedDataParallel under torchrun. The loaders find their rank and GPU automatically.

    torchrun --nproc-per-node 8 examples/ddp.py imagenet/train imagenet/val

Started again, it continues after the last epoch. The checkpoint is one file with the loader states of all ranks: a rank
resumes exactly only with its own, and files of different moments would not fit together.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from pathlib import Path

import torch
import torch.distributed as dist
import torchvision
from torch.nn.parallel import DistributedDataParallel

from dali_mixup import CutMix, MixPolicy, MixUp, SoftTargetCrossEntropy, train_loader, val_loader


def main(arguments: Sequence[str] | None = None) -> float:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("train")
    parser.add_argument("val")
    parser.add_argument(
        "--checkpoints", type=Path, default=Path("checkpoints"), help="a folder that all hosts share"
    )
    parser.add_argument("--model", default="resnet18", help="of torchvision")
    parser.add_argument("--epochs", type=int, default=90)
    parser.add_argument("--batch-size", type=int, default=16, help="per rank")
    parser.add_argument("--image-size", type=int, default=224)
    args = parser.parse_args(arguments)

    if not dist.is_initialized():
        dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    return train(args)


def train(args: argparse.Namespace) -> float:
    policy = MixPolicy([MixUp(0.2), CutMix(1.0)], label_smoothing=0.1)
    with (
        train_loader(
            args.train, policy=policy, batch_size=args.batch_size, image_size=args.image_size
        ) as batches,
        val_loader(
            args.val, classes=batches, batch_size=args.batch_size, image_size=args.image_size
        ) as validation,
    ):
        if batches.device.type == "cuda":
            torch.cuda.set_device(batches.device)
        model = torchvision.models.get_model(args.model, num_classes=batches.num_classes).to(batches.device)
        model = DistributedDataParallel(model)
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.05)
        loss_of = SoftTargetCrossEntropy()

        rank, checkpoint = dist.get_rank(), args.checkpoints / "checkpoint.pt"
        args.checkpoints.mkdir(parents=True, exist_ok=True)
        if checkpoint.exists():
            saved = torch.load(checkpoint, map_location=batches.device)
            model.module.load_state_dict(saved["model"])
            optimizer.load_state_dict(saved["optimizer"])
            states = saved["loaders"]
            # On another number of ranks this is an error that says so, and not that a state is missing.
            batches.load_state_dict(states[rank if rank < len(states) else 0])

        if batches.epoch >= args.epochs:  # a finished run, started again
            return validate(model.module, validation, batches.epoch)
        while batches.epoch < args.epochs:
            model.train()
            for images, targets in batches:
                optimizer.zero_grad()
                loss_of(model(images), targets).backward()
                optimizer.step()
            accuracy = validate(model.module, validation, batches.epoch)
            states = [None] * dist.get_world_size()
            dist.all_gather_object(states, batches.state_dict())
            if rank == 0:
                saved = {"model": model.module.state_dict(), "optimizer": optimizer.state_dict()}
                part = checkpoint.with_suffix(".part")
                torch.save({**saved, "loaders": states}, part)
                os.replace(part, checkpoint)  # as a whole: an interruption leaves the last one
            dist.barrier()
    return accuracy


@torch.no_grad()
def validate(model: torch.nn.Module, validation: object, epochs: int) -> float:
    """Exact on any number of ranks: every image counts once. The model is used without DDP: ranks may differ by a
    step."""
    for buffer in model.buffers():  # every rank has BatchNorm statistics of its own; rank 0's are saved
        dist.broadcast(buffer, 0)
    model.eval()
    counts = torch.zeros(2, device=next(model.parameters()).device)
    for images, labels in validation:
        counts += torch.stack(
            [(model(images).argmax(1) == labels).sum(), torch.tensor(len(labels), device=counts.device)]
        )
    dist.all_reduce(counts)
    accuracy = float(counts[0] / counts[1])
    if dist.get_rank() == 0:
        print(f"{epochs} epochs done, {accuracy:.1%} of the validation images correct")
    return accuracy


if __name__ == "__main__":
    main()
    dist.destroy_process_group()
