"""FixMatch: few labelled images, and a weak and a strong view of many without labels. With --recipe
uda-cifar10 --soft --temperature 0.4 --threshold 0.8 the views and the loss are those of UDA's code.

python examples/fixmatch.py cifar10/labelled cifar10/train cifar10/test --checkpoint run.pt
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
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from dali_mixup import HandOver, load_recipe


def main(arguments: Sequence[str] | None = None) -> list[float]:
    """The mean loss of each epoch."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("labelled")
    parser.add_argument("unlabelled")
    parser.add_argument("val")
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--recipe", default="fixmatch-cifar10")
    parser.add_argument("--threshold", type=float, default=0.95, help="of the weak view's probability")
    parser.add_argument("--soft", action="store_true", help="the whole prediction is the label, as in UDA")
    parser.add_argument("--temperature", type=float, default=1.0, help="of --soft: below 1 it sharpens")
    parser.add_argument("--model", default="resnet18", help="of torchvision")
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--batch-size", type=int, default=64, help="of labelled images")
    parser.add_argument("--image-size", type=int, help="default: the recipe's")
    parser.add_argument("--save-every", type=int, default=1000, help="steps between checkpoints")
    parser.add_argument("--stop-after", type=int, help="steps, to try the resume")
    args = parser.parse_args(arguments)
    if not args.temperature > 0 or (args.temperature != 1 and not args.soft):
        parser.error(f"--temperature {args.temperature:g}: expected a number above 0, together with --soft")
    args.checkpoint.parent.mkdir(parents=True, exist_ok=True)

    recipe = load_recipe(args.recipe)
    sizes = {"batch_size": args.batch_size, "image_size": args.image_size}
    stream = recipe.unlabelled(args.unlabelled, **sizes)
    with (
        recipe.train_loader(args.labelled, handover=HandOver(unlabelled=stream), **sizes) as batches,
        recipe.val_loader(args.val, classes=batches, **sizes) as validation,
    ):
        network = torchvision.models.get_model(args.model, num_classes=batches.num_classes)
        network.to(batches.device)
        average = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(0.999), use_buffers=True)
        optimizer = torch.optim.SGD(
            network.parameters(), lr=0.03, momentum=0.9, nesterov=True, weight_decay=5e-4
        )
        parts = {"network": network, "average": average, "optimizer": optimizer, "loader": batches}
        if args.checkpoint.exists():
            load(args.checkpoint, parts)
            if batches.epoch >= args.epochs:
                print(f"nothing to do: {args.checkpoint} has {batches.epoch} of {args.epochs} epochs")

        steps, means = 0, []
        while batches.epoch < args.epochs:
            network.train()
            losses = []
            for images, labels, record in batches:
                weak, strong = record.unlabelled
                logits = network(torch.cat([images, weak, strong]))
                of_labelled, of_weak, of_strong = logits.split([len(images), len(weak), len(strong)])
                loss = F.cross_entropy(of_labelled, labels)
                loss = loss + consistency(of_weak, of_strong, args.threshold, args.soft, args.temperature)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                average.update_parameters(network)
                losses.append(loss.detach())
                steps += 1
                if steps % args.save_every == 0:
                    save(args.checkpoint, parts)
                if steps == args.stop_after:
                    return means
            save(args.checkpoint, parts)
            means.append(float(torch.stack(losses).mean()))
            accuracy = validate(average, validation)
            print(f"{batches.epoch} epochs done, loss {means[-1]:.4f}, {accuracy:.1%} of validation correct")
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


def consistency(
    weak: Tensor, strong: Tensor, threshold: float, soft: bool, temperature: float = 1.0
) -> Tensor:
    """arXiv 2001.07685, equation 4: cross-entropy of the strong view's logits with the weak one's prediction, for the
    samples of which it is certain; 0 for the others. A soft prediction at that temperature has the gradient of UDA's
    divergence (arXiv 1904.12848); how certain it is does not depend on the temperature."""
    certainty, classes = weak.detach().softmax(1).max(1)
    wanted = (weak.detach() / temperature).softmax(1) if soft else classes
    losses = F.cross_entropy(strong, wanted, reduction="none")
    return (losses * (certainty >= threshold)).mean()


@torch.no_grad()
def validate(model: nn.Module, validation: object) -> float:
    model.eval()
    right = seen = 0
    for images, labels in validation:
        right += int((model(images).argmax(1) == labels).sum())
        seen += len(labels)
    return right / seen


if __name__ == "__main__":
    main()
