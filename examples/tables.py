"""Tables: mixup on rows of numbers, against the same network without it, on several splits of three data sets.

python examples/tables.py --splits 10

Wine and breast cancer come with scikit-learn, phishing, whose labels are noisy, with river.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np
import torch
from river.datasets import Phishing
from sklearn.datasets import load_breast_cancer, load_wine
from sklearn.model_selection import train_test_split
from torch import nn

from dali_mixup import MixPolicy, MixUp, SoftTargetCrossEntropy

Errors = dict[str, dict[float, np.ndarray]]


def main(arguments: Sequence[str] | None = None) -> Errors:
    """{data set: {alpha: (splits,) test errors in percent}}; alpha 0 is without mixup."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--alpha", type=float, nargs="+", default=[0.2, 1.0])
    parser.add_argument("--splits", type=int, default=10)
    parser.add_argument("--epochs", type=int, default=60)
    args = parser.parse_args(arguments)

    torch.set_num_threads(1)  # the network is too small to be shared
    sets = {
        "wine": load_wine(return_X_y=True),
        "breast cancer": load_breast_cancer(return_X_y=True),
        "phishing": phishing(),
    }
    errors: Errors = {}
    for name, (rows, labels) in sets.items():
        errors[name] = {
            alpha: np.array([error(rows, labels, alpha, args.epochs, split) for split in range(args.splits)])
            for alpha in (0.0, *args.alpha)
        }
        plain = errors[name][0.0]
        print(f"{name}, {len(rows)} rows: {plain.mean():.2f}% wrong without mixup")
        for alpha in args.alpha:
            better = errors[name][alpha] - plain
            certainty = "one split, so no standard error"
            if args.splits > 1:
                certainty = f"standard error {better.std(ddof=1) / np.sqrt(args.splits):.2f}"
            print(f"  alpha={alpha:g}: {better.mean():+.2f} ({certainty})")
    return errors


def phishing() -> tuple[np.ndarray, np.ndarray]:
    features, labels = zip(*Phishing(), strict=True)
    return np.array([list(row.values()) for row in features]), np.array(labels, dtype=np.int64)


def error(rows: np.ndarray, labels: np.ndarray, alpha: float, epochs: int, split: int) -> float:
    """The percentage of test rows classified wrongly by a network of two hidden layers of 128."""
    rows, test, labels, expected = train_test_split(
        rows, labels, test_size=0.3, stratify=labels, random_state=split
    )
    mean, std = rows.mean(0), rows.std(0) + 1e-8
    x, test_x = (torch.tensor((part - mean) / std, dtype=torch.float32) for part in (rows, test))
    y, classes = torch.tensor(labels), int(labels.max()) + 1

    torch.manual_seed(split)
    model = nn.Sequential(
        nn.Linear(x.shape[1], 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, classes)
    )
    optimizer = torch.optim.Adam(model.parameters())
    loss_of = SoftTargetCrossEntropy()
    policy = MixPolicy(MixUp(alpha)) if alpha else None
    for epoch in range(epochs):
        for step, batch in enumerate(torch.randperm(len(x)).split(32)):
            inputs, targets = x[batch], y[batch]
            if policy is not None:
                plan = policy.plan(len(batch), seed=split, epoch=epoch, step=step)
                inputs, targets = plan.apply(inputs), plan.targets(targets, classes)
            optimizer.zero_grad()
            loss_of(model(inputs), targets).backward()
            optimizer.step()
    with torch.no_grad():
        return 100 * float((model(test_x).argmax(1).numpy() != expected).mean())


if __name__ == "__main__":
    main()
