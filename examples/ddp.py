"""DistributedDataParallel under torchrun. The loaders find their rank and GPU automatically.

    torchrun --nproc-per-node 8 examples/ddp.py imagenet/train imagenet/val

Each rank saves its own loader state beside the shared checkpoint: otherwise a resume is not exact on every rank.
"""

from __future__ import annotations

import argparse
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
    parser.add_argument("--checkpoints", type=Path, default=Path("checkpoints"))
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

        shared, mine = args.checkpoints / "model.pt", args.checkpoints / f"loader-{dist.get_rank()}.pt"
        args.checkpoints.mkdir(exist_ok=True)
        if shared.exists():
            saved = torch.load(shared, map_location=batches.device)
            model.module.load_state_dict(saved["model"])
            optimizer.load_state_dict(saved["optimizer"])
            batches.load_state_dict(torch.load(mine))

        accuracy = 0.0
        while batches.epoch < args.epochs:
            model.train()
            for images, targets in batches:
                optimizer.zero_grad()
                loss_of(model(images), targets).backward()
                optimizer.step()
            accuracy = validate(model.module, validation)
            torch.save(batches.state_dict(), mine)
            if dist.get_rank() == 0:
                print(f"{batches.epoch} epochs done, {accuracy:.1%} of the validation images correct")
                torch.save({"model": model.module.state_dict(), "optimizer": optimizer.state_dict()}, shared)
            dist.barrier()
    return accuracy


@torch.no_grad()
def validate(model: torch.nn.Module, validation: object) -> float:
    """Exact on any number of ranks: every image counts once. The model is used without DDP: ranks may differ by a
    step."""
    model.eval()
    counts = torch.zeros(2, device=next(model.parameters()).device)
    for images, labels in validation:
        counts += torch.stack(
            [(model(images).argmax(1) == labels).sum(), torch.tensor(len(labels), device=counts.device)]
        )
    dist.all_reduce(counts)
    return float(counts[0] / counts[1])


if __name__ == "__main__":
    main()
    dist.destroy_process_group()
