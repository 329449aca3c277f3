"""Ray Train: DistributedDataParallel on Ray's workers, with checkpoints that hold every worker's loader state.

    python examples/ray_train.py imagenet/train imagenet/val --workers 8 --gpu

Ray Train creates the process group before it calls `train_worker`, so the loaders find their rank. The data must be at
the same path on every host. A run with the same --storage and --name continues from its last checkpoint, and so do the
workers after a failure.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ray.train
import ray.train.torch
import torch
import torch.distributed as dist
import torchvision

from dali_mixup import CutMix, MixPolicy, MixUp, SoftTargetCrossEntropy, train_loader, val_loader


def train_worker(config: dict[str, Any]) -> None:
    rank = ray.train.get_context().get_world_rank()
    device = ray.train.torch.get_device()
    given = {"batch_size": config["batch_size"], "image_size": config["image_size"], "device": str(device)}
    policy = MixPolicy([MixUp(0.2), CutMix(1.0)], label_smoothing=0.1)
    with (
        train_loader(config["train"], policy=policy, elastic=True, **given) as batches,
        val_loader(config["val"], classes=batches, **given) as validation,
    ):
        model = torchvision.models.get_model(config["model"], num_classes=batches.num_classes)
        model = ray.train.torch.prepare_model(model)
        bare = getattr(model, "module", model)  # a single worker's is not wrapped in DDP
        optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.05)
        loss_of = SoftTargetCrossEntropy()
        checkpoint = ray.train.get_checkpoint()
        if checkpoint is not None:
            with checkpoint.as_directory() as folder:
                saved = torch.load(Path(folder) / "model.pt", map_location=device)
                states = torch.load(Path(folder) / "loaders.pt")
            bare.load_state_dict(saved["model"])
            optimizer.load_state_dict(saved["optimizer"])
            batches.load_state_dict(
                states[rank if rank < len(states) else 0]
            )  # there may be more workers now
        while batches.epoch < config["epochs"]:
            model.train()
            for images, targets in batches:
                optimizer.zero_grad()
                loss_of(model(images), targets).backward()
                optimizer.step()
            accuracy = validate(bare, validation)
            states = [None] * dist.get_world_size()
            dist.all_gather_object(states, batches.state_dict())
            report({"epoch": batches.epoch, "accuracy": accuracy}, bare, optimizer, states, rank)


def report(
    metrics: dict[str, float], model: torch.nn.Module, optimizer: Any, states: Sequence[Any], rank: int
) -> None:
    """Report the end of an epoch to Ray; every worker must, and the first one brings the checkpoint."""
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = None
        if rank == 0:
            torch.save(
                {"model": model.state_dict(), "optimizer": optimizer.state_dict()}, f"{folder}/model.pt"
            )
            torch.save(states, f"{folder}/loaders.pt")
            checkpoint = ray.train.Checkpoint.from_directory(folder)
        ray.train.report(metrics, checkpoint=checkpoint)


@torch.no_grad()
def validate(model: torch.nn.Module, validation: Any) -> float:
    """Exact on any number of workers: every image counts once."""
    for buffer in model.buffers():  # a worker has BatchNorm statistics of its own; the first one's are saved
        dist.broadcast(buffer, 0)
    model.eval()
    counts = torch.zeros(2, device=next(model.parameters()).device)
    for images, labels in validation:
        counts += torch.stack(
            [(model(images).argmax(1) == labels).sum(), torch.tensor(len(labels), device=counts.device)]
        )
    dist.all_reduce(counts)
    return float(counts[0] / counts[1])


def main(arguments: Sequence[str] | None = None) -> ray.train.Result:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("train", type=Path)
    parser.add_argument("val", type=Path)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--gpu", action="store_true", help="one GPU per worker")
    parser.add_argument("--storage", type=Path, default=Path("runs"), help="a folder that all hosts share")
    parser.add_argument("--name", default="dali-mixup")
    parser.add_argument("--model", default="resnet18", help="of torchvision")
    parser.add_argument("--epochs", type=int, default=90)
    parser.add_argument("--batch-size", type=int, default=16, help="per worker")
    parser.add_argument("--image-size", type=int, default=224)
    args = parser.parse_args(arguments)

    trainer = ray.train.torch.TorchTrainer(
        train_worker,
        train_loop_config={
            "train": str(args.train.resolve()),  # workers have a working folder of their own
            "val": str(args.val.resolve()),
            "model": args.model,
            "epochs": args.epochs,
            "batch_size": args.batch_size,
            "image_size": args.image_size,
        },
        scaling_config=ray.train.ScalingConfig(num_workers=args.workers, use_gpu=args.gpu),
        run_config=ray.train.RunConfig(
            name=args.name,
            storage_path=str(args.storage.resolve()),
            failure_config=ray.train.FailureConfig(max_failures=3),
            checkpoint_config=ray.train.CheckpointConfig(num_to_keep=2),
        ),
    )
    result = trainer.fit()
    print(f"{result.metrics['epoch']} epochs done, {result.metrics['accuracy']:.1%} correct")
    return result


if __name__ == "__main__":
    main()
