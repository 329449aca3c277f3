"""BYOL and MoCo v3: an asymmetric pair of views, and a target network that is the average of the online one.

python examples/byol.py imagenet/train --checkpoint run.pt
python examples/byol.py imagenet/train --checkpoint run.pt --recipe moco-v3 --contrast --momentum 0.99
"""

from __future__ import annotations

import argparse
import copy
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
import torchvision
from torch import Tensor, nn
from torch.nn import functional as F

from dali_mixup import load_recipe


def main(arguments: Sequence[str] | None = None) -> list[float]:
    """The mean loss of each epoch."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("train")
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--recipe", default="byol")
    parser.add_argument("--contrast", action="store_true", help="MoCo v3's loss")
    parser.add_argument("--model", default="resnet50", help="of torchvision")
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--image-size", type=int, help="default: the recipe's")
    parser.add_argument("--momentum", type=float, default=0.996, help="of the average, at the start")
    parser.add_argument("--save-every", type=int, default=1000, help="steps between checkpoints")
    parser.add_argument("--stop-after", type=int, help="steps, to try the resume")
    args = parser.parse_args(arguments)
    args.checkpoint.parent.mkdir(parents=True, exist_ok=True)

    recipe = load_recipe(args.recipe)
    loss_of = info_nce if args.contrast else cosine
    with recipe.train_loader(args.train, batch_size=args.batch_size, image_size=args.image_size) as batches:
        body = torchvision.models.get_model(args.model, num_classes=512)
        online = nn.Sequential(body, nn.BatchNorm1d(512), nn.ReLU(), nn.Linear(512, 256)).to(batches.device)
        predictor = nn.Sequential(nn.Linear(256, 512), nn.BatchNorm1d(512), nn.ReLU(), nn.Linear(512, 256))
        target = copy.deepcopy(online).requires_grad_(False)
        trained = nn.ModuleList([online, predictor.to(batches.device)])
        optimizer = torch.optim.AdamW(trained.parameters(), lr=1e-3, weight_decay=1e-4)
        parts = {"trained": trained, "target": target, "optimizer": optimizer, "loader": batches}
        if args.checkpoint.exists():
            load(args.checkpoint, parts)
            if batches.epoch >= args.epochs:
                print(f"nothing to do: {args.checkpoint} has {batches.epoch} of {args.epochs} epochs")

        steps, means = 0, []
        while batches.epoch < args.epochs:
            trained.train()
            losses = []
            for (first, second), _ in batches:
                with torch.no_grad():
                    keys = target(second), target(first)
                queries = predictor(online(first)), predictor(online(second))
                loss = torch.stack([loss_of(q, k) for q, k in zip(queries, keys, strict=True)]).sum()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                last = batches.last_batch  # `batches.epoch` is the next one already
                share = (last.epoch + last.step / len(batches)) / args.epochs
                follow(target, online, momentum(args.momentum, share))
                losses.append(loss.detach())
                steps += 1
                if steps % args.save_every == 0:
                    save(args.checkpoint, parts)
                if steps == args.stop_after:
                    return means
            save(args.checkpoint, parts)
            means.append(float(torch.stack(losses).mean()))
            print(f"{batches.epoch} epochs done, loss {means[-1]:.4f}")
    return means


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


def cosine(queries: Tensor, keys: Tensor) -> Tensor:
    """arXiv 2006.07733, equation 2: 2 - 2 cos."""
    return 2 - 2 * F.cosine_similarity(queries, keys).mean()


def info_nce(queries: Tensor, keys: Tensor, temperature: float = 0.2) -> Tensor:
    """arXiv 2104.02057, algorithm 1: among the keys of the batch, the sample's own."""
    logits = F.normalize(queries, dim=1) @ F.normalize(keys, dim=1).T / temperature
    return 2 * temperature * F.cross_entropy(logits, torch.arange(len(logits), device=logits.device))


def momentum(start: float, share: float) -> float:
    """From `start` to 1 with a cosine, after that share of the training."""
    return 1 - (1 - start) * (1 + math.cos(math.pi * share)) / 2


@torch.no_grad()
def follow(target: nn.Module, online: nn.Module, momentum: float) -> None:
    for average, weight in zip(target.parameters(), online.parameters(), strict=True):
        average.lerp_(weight, 1 - momentum)


if __name__ == "__main__":
    main()
