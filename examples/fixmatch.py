"""FixMatch: few labelled images, and a weak and a strong view of many without labels. With --soft --threshold 0 and
--recipe uda-cifar10 it is UDA.

python examples/fixmatch.py cifar10/labelled cifar10/train cifar10/test --checkpoint run.pt
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

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
    parser.add_argument("--model", default="resnet18", help="of torchvision")
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--batch-size", type=int, default=64, help="of labelled images")
    parser.add_argument("--image-size", type=int, help="default: the recipe's")
    parser.add_argument("--save-every", type=int, default=1000, help="steps between checkpoints")
    parser.add_argument("--stop-after", type=int, help="steps, to try the resume")
    args = parser.parse_args(arguments)

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
            saved = torch.load(args.checkpoint, map_location=batches.device)
            for name, part in parts.items():
                part.load_state_dict(saved[name])

        steps, means = 0, []
        while batches.epoch < args.epochs:
            network.train()
            losses = []
            for images, labels, record in batches:
                weak, strong = record.unlabelled
                logits = network(torch.cat([images, weak, strong]))
                of_labelled, of_weak, of_strong = logits.split([len(images), len(weak), len(strong)])
                loss = F.cross_entropy(of_labelled, labels)
                loss = loss + consistency(of_weak, of_strong, args.threshold, args.soft)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                average.update_parameters(network)
                losses.append(loss.detach())
                steps += 1
                if steps % args.save_every == 0:
                    torch.save({name: part.state_dict() for name, part in parts.items()}, args.checkpoint)
                if steps == args.stop_after:
                    return means
            means.append(float(torch.stack(losses).mean()))
            accuracy = validate(average, validation)
            print(f"{batches.epoch} epochs done, loss {means[-1]:.4f}, {accuracy:.1%} of validation correct")
    return means


def consistency(weak: Tensor, strong: Tensor, threshold: float, soft: bool) -> Tensor:
    """arXiv 2001.07685, equation 4: cross-entropy of the strong view's logits with the weak one's prediction, for the
    samples of which it is certain; 0 for the others."""
    wanted = weak.detach().softmax(1)
    certainty, classes = wanted.max(1)
    losses = F.cross_entropy(strong, wanted if soft else classes, reduction="none")
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
