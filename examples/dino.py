"""DINO: a teacher sees two large crops, a student these and eight small ones, and learns to answer as the teacher,
which is the average of the student. With --recipe dinov2 the crops are DINOv2's.

python examples/dino.py imagenet/train --checkpoint run.pt
"""

from __future__ import annotations

import argparse
import copy
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
import torchvision
from torch import Tensor, nn
from torch.nn import functional as F

from dali_mixup import View, load_recipe


def main(arguments: Sequence[str] | None = None) -> list[float]:
    """The mean loss of each epoch."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("train")
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--recipe", default="dino")
    parser.add_argument("--model", default="resnet50", help="of torchvision, for images of any size")
    parser.add_argument("--prototypes", type=int, default=4096)
    parser.add_argument("--epochs", type=int, default=100)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--image-size", type=int, default=224, help="of the large crops")
    parser.add_argument("--momentum", type=float, default=0.996, help="of the average, at the start")
    parser.add_argument("--save-every", type=int, default=1000, help="steps between checkpoints")
    parser.add_argument("--stop-after", type=int, help="steps, to try the resume")
    args = parser.parse_args(arguments)
    args.checkpoint.parent.mkdir(parents=True, exist_ok=True)

    recipe = load_recipe(args.recipe)
    views = [scaled(view, args.image_size / 224) for view in recipe.views]
    with recipe.train_loader(args.train, batch_size=args.batch_size, views=views) as batches:
        body = torchvision.models.get_model(args.model, num_classes=256)
        student = nn.Sequential(body, nn.GELU(), nn.Linear(256, args.prototypes)).to(batches.device)
        teacher = copy.deepcopy(student).requires_grad_(False)
        loss_of = Distillation(args.prototypes).to(batches.device)
        optimizer = torch.optim.AdamW(student.parameters(), lr=5e-4, weight_decay=0.04)
        parts = {"student": student, "teacher": teacher, "centre": loss_of, "optimizer": optimizer}
        parts["loader"] = batches
        if args.checkpoint.exists():
            load(args.checkpoint, parts)
            if batches.epoch >= args.epochs:
                print(f"nothing to do: {args.checkpoint} has {batches.epoch} of {args.epochs} epochs")

        steps, means = 0, []
        while batches.epoch < args.epochs:
            student.train()
            losses = []
            for images, _ in batches:
                large, small = torch.cat(images[:2]), torch.cat(images[2:])
                answers = torch.cat([student(large), student(small)]).chunk(len(images))
                with torch.no_grad():
                    wanted = teacher(large)
                loss = loss_of(answers, wanted)
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                last = batches.last_batch  # `batches.epoch` is the next one already
                share = (last.epoch + last.step / len(batches)) / args.epochs
                follow(teacher, student, momentum(args.momentum, share))
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


def scaled(view: View, factor: float) -> View:
    return replace(view, size=round(view.transform.image_size * factor))


class Distillation(nn.Module):
    """arXiv 2104.14294, algorithm 1: cross-entropy of the student's answer for each view with the teacher's for every
    other large one, which is centred and sharpened."""

    def __init__(self, prototypes: int, student_temperature: float = 0.1, teacher_temperature: float = 0.04):
        super().__init__()
        self.student_temperature, self.teacher_temperature = student_temperature, teacher_temperature
        self.register_buffer("centre", torch.zeros(prototypes))

    def forward(self, answers: Sequence[Tensor], wanted: Tensor) -> Tensor:
        targets = F.softmax((wanted - self.centre) / self.teacher_temperature, dim=1).chunk(2)
        self.centre.lerp_(wanted.mean(0), 0.1)
        return torch.stack(
            [
                F.cross_entropy(answer / self.student_temperature, target)
                for i, target in enumerate(targets)
                for j, answer in enumerate(answers)
                if i != j
            ]
        ).mean()


def momentum(start: float, share: float) -> float:
    """From `start` to 1 with a cosine, after that share of the training."""
    return 1 - (1 - start) * (1 + math.cos(math.pi * share)) / 2


@torch.no_grad()
def follow(teacher: nn.Module, student: nn.Module, momentum: float) -> None:
    for average, weight in zip(teacher.parameters(), student.parameters(), strict=True):
        average.lerp_(weight, 1 - momentum)


if __name__ == "__main__":
    main()
