"""SimCLR: contrast between two views of each image. With --recipe imix-cifar10 or unmix-cifar10 a view is mixed, and
compared with the views of the images that are in it.

python examples/simclr.py imagenet/train --checkpoint run.pt
"""

from __future__ import annotations

import argparse
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
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("train")
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--recipe", default="simclr")
    parser.add_argument("--model", default="resnet50", help="of torchvision")
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--image-size", type=int, help="default: the recipe's")
    parser.add_argument("--temperature", type=float, default=0.1)
    parser.add_argument("--save-every", type=int, default=1000, help="steps between checkpoints")
    parser.add_argument("--stop-after", type=int, help="steps, to try the resume")
    args = parser.parse_args(arguments)
    args.checkpoint.parent.mkdir(parents=True, exist_ok=True)

    recipe = load_recipe(args.recipe)
    with recipe.train_loader(args.train, batch_size=args.batch_size, image_size=args.image_size) as batches:
        body = torchvision.models.get_model(args.model, num_classes=512)
        network = nn.Sequential(body, nn.ReLU(), nn.Linear(512, 128)).to(batches.device)
        optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=1e-4)
        parts = {"network": network, "optimizer": optimizer, "loader": batches}
        if args.checkpoint.exists():
            load(args.checkpoint, parts)
            if batches.epoch >= args.epochs:
                print(f"nothing to do: {args.checkpoint} has {batches.epoch} of {args.epochs} epochs")

        steps, means = 0, []
        while batches.epoch < args.epochs:
            network.train()
            losses = []
            for images, _ in batches:
                vectors = F.normalize(network(torch.cat(images)), dim=1).chunk(len(images))
                loss = contrast(vectors, batches.last_batch.plans, args.temperature)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
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


def contrast(vectors: Sequence[Tensor], plans: Sequence[Any], temperature: float) -> Tensor:
    """NT-Xent between the plain views; of each mixed view, contrast with every plain one."""
    plain = [view for view, plan in zip(vectors, plans, strict=True) if plan is None]
    mixed = [(view, plan) for view, plan in zip(vectors, plans, strict=True) if plan is not None]
    terms = [of_mixed(view, other, plan, temperature) for view, plan in mixed for other in plain]
    if len(plain) > 1:
        terms.append(nt_xent(plain[0], plain[1], temperature))
    return torch.stack(terms).sum()


def nt_xent(first: Tensor, second: Tensor, temperature: float) -> Tensor:
    """arXiv 2002.05709, equation 1, of (N, D) unit vectors: among all 2N - 1 others, the sample's other view."""
    both = torch.cat([first, second])
    itself = torch.eye(len(both), dtype=torch.bool, device=both.device)
    logits = (both @ both.T / temperature).masked_fill(itself, -torch.inf)
    return F.cross_entropy(logits, torch.arange(len(both), device=both.device).roll(len(first)))


def of_mixed(mixed: Tensor, plain: Tensor, plan: Any, temperature: float) -> Tensor:
    """i-Mix (arXiv 2010.08887): the label of a mixed row is the batch's rows in it, by their weights."""
    partners = torch.from_numpy(plan.partners).long().to(mixed.device)
    weights = torch.from_numpy(plan.weights).to(mixed)
    labels = mixed.new_zeros(len(mixed), len(plain)).scatter_add(1, partners, weights)
    return F.cross_entropy(mixed @ plain.T / temperature, labels)


if __name__ == "__main__":
    main()
