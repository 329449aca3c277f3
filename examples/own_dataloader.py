"""Your own DataLoader: handwritten digits, mixed in the DataLoader's workers or in the loop, with the same result.

python examples/own_dataloader.py --workers 2
python examples/own_dataloader.py --in-the-loop
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from dali_mixup import CutMix, Mixer, MixPolicy, MixUp

CLASSES = 10


def main(arguments: Sequence[str] | None = None) -> float:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--in-the-loop", action="store_true", help="instead of in the collate function")
    args = parser.parse_args(arguments)

    torch.manual_seed(0)
    training, validation = digits()
    policy = MixPolicy([MixUp(0.4), CutMix(1.0)], granularity="sample", prob=0.8, label_smoothing=0.05)
    mixer = Mixer(policy, num_classes=CLASSES, seed=0)
    batches = DataLoader(
        training,
        args.batch_size,
        shuffle=True,
        num_workers=args.workers,
        collate_fn=None if args.in_the_loop else mixer.collate_fn,
        generator=torch.Generator().manual_seed(0),  # the order of the samples; the mixer draws for itself
    )
    model = nn.Sequential(
        nn.Conv2d(1, 32, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(32, 64, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(64 * 16, CLASSES),
    )
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    loss_of = nn.CrossEntropyLoss()  # takes soft targets

    for epoch in range(args.epochs):
        mixer.set_epoch(epoch)
        for images, targets in batches:
            if args.in_the_loop:
                images, targets = mixer(images, targets)
            optimizer.zero_grad()
            loss_of(model(images), targets).backward()
            optimizer.step()

    images, labels = validation
    with torch.no_grad():
        accuracy = float((model(images).argmax(1) == labels).float().mean())
    print(f"{accuracy:.1%} of the validation digits correct")
    return accuracy


def digits() -> tuple[TensorDataset, tuple[Tensor, Tensor]]:
    """Training and validation digits of scikit-learn, (N, 1, 8, 8) in [0, 1] with labels (N,)."""
    data = load_digits()
    images = torch.from_numpy(data.images).float().unsqueeze(1) / 16
    labels = torch.from_numpy(data.target)
    held_out = torch.arange(len(images)) % 4 == 0
    return TensorDataset(images[~held_out], labels[~held_out]), (images[held_out], labels[held_out])


if __name__ == "__main__":
    main()
