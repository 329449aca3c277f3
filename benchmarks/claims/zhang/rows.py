"""Networks on the rows of a table, trained with this library's plans."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.claims.evaluation import outputs
from benchmarks.claims.networks import fully_connected
from dali_mixup import MixPolicy
from dali_mixup._decide.from_data import FromData
from dali_mixup._loader.companions import Companions

VALIDATION, TEST = 0.2, 0.3  # shares of the rows; the rest is to train on


class Rows(NamedTuple):
    """x (N, D) float32; y (N,) int64 classes or (N, 1) float32 values."""

    x: Tensor
    y: Tensor


class Parts(NamedTuple):
    """A table in three; the columns of x are standardised by the training rows, and so are values to predict."""

    train: Rows
    validation: Rows
    test: Rows


def parts(x: np.ndarray, y: np.ndarray, seed: int, rows: int | None = None) -> Parts:
    """Split by the seed, classes in proportion.

    Args:
        x: (N, D) numbers.
        y: (N,) integers, the classes; or floats, values to predict.
        rows: use that many rows at most, drawn by the seed; None: all.

    Raises:
        ValueError: too few rows for one of each class in every part (from scikit-learn).
    """
    from sklearn.model_selection import train_test_split

    classes = y.dtype.kind in "iu"

    def cut(indices: np.ndarray, size: int) -> Sequence[np.ndarray]:
        strata = y[indices] if classes else None
        return train_test_split(indices, test_size=size, random_state=seed, stratify=strata)

    chosen = np.arange(len(x))
    if rows is not None and rows < len(x):
        chosen = cut(chosen, rows)[1]
    rest, test = cut(chosen, round(TEST * len(chosen)))
    train, validation = cut(rest, round(VALIDATION * len(chosen)))
    numbers = _standard(x, train)
    targets = torch.from_numpy(y.astype(np.int64)) if classes else _standard(y[:, None], train)
    return Parts(*(Rows(numbers[part], targets[part]) for part in (train, validation, test)))


def _standard(columns: np.ndarray, train: np.ndarray) -> Tensor:
    """Float32 columns with mean 0 and deviation 1 over the training rows; constant ones are 0."""
    mean, std = columns[train].mean(0), columns[train].std(0)
    return torch.tensor((columns - mean) / np.where(std > 0, std, 1.0), dtype=torch.float32)


Loss = Callable[[Tensor, Tensor], Tensor]
Score = Callable[[Tensor, Tensor], float]


@dataclass(frozen=True)
class Task:
    """What is predicted.

    Attributes:
        outputs: of the network.
        classes: number of classes; None for values.
        loss: of outputs and targets, a 0-d tensor; targets are class ids or, of mixed rows, (N, C) soft labels.
        chosen_by: of outputs and y, lower is better: chooses the epoch by the validation rows.
        score: of outputs and y: what is reported of the test rows.
    """

    outputs: int
    classes: int | None
    loss: Loss
    chosen_by: Score
    score: Score


@dataclass(frozen=True)
class Fit:
    """Adam and fully connected layers with ReLU.

    Args:
        epochs, batch_size, lr: settings of the optimiser.
        widths: widths of the hidden layers; the paper's tables have 128 and 128.
    """

    epochs: int = 60
    batch_size: int = 32
    lr: float = 1e-3
    widths: tuple[int, ...] = (128, 128)

    def network(self, inputs: int, outputs: int, seed: int) -> nn.Sequential:
        """(N, inputs) to (N, outputs); the seed gives the first weights."""
        return fully_connected((inputs, *self.widths, outputs), seed)

    def __call__(
        self, data: Parts, task: Task, policy: MixPolicy | None, seed: int, weight_decay: float = 0.0
    ) -> History:
        """Train on the first part and look at the other two after every epoch; arguments as in `networks`."""
        chosen_by, scores = [], []
        for model in self.networks(data.train, task, policy, seed, weight_decay):
            chosen_by.append(task.chosen_by(outputs(model, data.validation.x), data.validation.y))
            scores.append(task.score(outputs(model, data.test.x), data.test.y))
        return History(chosen_by, scores)

    def networks(
        self, rows: Rows, task: Task, policy: MixPolicy | None, seed: int, weight_decay: float = 0.0
    ) -> Iterator[nn.Module]:
        """Train, and yield the network, always the same object, after every epoch. Rows come in the same order and
        networks start alike whatever the policy, which is None for ERM; the weight decay is decoupled (AdamW)."""
        model = self.network(rows.x.shape[1], task.outputs, seed)
        optimizer = torch.optim.AdamW(model.parameters(), lr=self.lr, weight_decay=weight_decay)
        for epoch in range(self.epochs):
            for inputs, targets in self.batches(rows, task, policy, seed, epoch):
                loss = task.loss(model(inputs), targets)
                optimizer.zero_grad(set_to_none=True)
                loss.backward()
                optimizer.step()
            yield model

    def batches(
        self, rows: Rows, task: Task, policy: MixPolicy | None, seed: int, epoch: int
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """An epoch's batches as the network sees them."""
        order = np.random.RandomState([seed, epoch]).permutation(len(rows.x))
        for step, start in enumerate(range(0, len(order), self.batch_size)):
            batch = order[start : start + self.batch_size]
            if policy is None:
                yield rows.x[batch], rows.y[batch]
            else:
                yield mixed(rows, batch, task.classes, policy, seed, epoch, step)


def mixed(
    rows: Rows, batch: np.ndarray, classes: int | None, policy: MixPolicy, seed: int, epoch: int, step: int
) -> tuple[Tensor, Tensor]:
    """Inputs and targets of the rows `batch` (n,), mixed as a loader would. Partners from the whole of the data, as
    those of `LabelDistance`, are drawn as the loader draws them."""
    rule, labels = policy.rule, rows.y.numpy()
    near = Companions()
    if isinstance(rule, FromData) and rule.beyond_batch:
        near = Companions(neighbours=rule.sampler(labels, labels), neighbour_columns=policy.columns - 1)
    beyond = near.neighbour_indices(batch, seed, 0, epoch, step)
    plan = policy.plan(
        len(batch),
        seed=seed,
        epoch=epoch,
        step=step,
        labels=labels[batch],
        others=near.others(len(batch), rule),
    )
    others = (rows.x[beyond], rows.y[beyond]) if len(beyond) else (None, None)
    inputs = plan.apply(rows.x[batch], others=others[0])
    targets = plan.targets(rows.y[batch], classes, others=others[1])
    assert isinstance(targets, Tensor)
    return inputs, targets


class History(NamedTuple):
    """After every epoch: what chooses the epoch, from the validation rows; and the score of the test rows."""

    chosen_by: list[float]
    scores: list[float]

    @property
    def last(self) -> float:
        """The score after the last epoch."""
        return self.scores[-1]

    @property
    def stopped(self) -> float:
        """The score at the epoch that the validation rows choose, the first of equals."""
        return self.scores[int(np.argmin(self.chosen_by))]


def best_of(tried: Sequence[History]) -> History:
    """The one whose best epoch is the best by the validation rows."""
    return min(tried, key=lambda history: min(history.chosen_by))
