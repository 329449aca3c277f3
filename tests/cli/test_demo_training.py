"""The demo's training loop, against tensors whose answer is known."""

from __future__ import annotations

import torch
from torch import nn

from dali_mixup import MixedTargets
from dali_mixup.cli.demo_training import accuracy, small_network, train_epoch


def test_the_network_is_small_and_gives_one_score_a_class() -> None:
    network = small_network(7)
    assert network(torch.zeros(2, 3, 96, 64)).shape == (2, 7)
    assert sum(p.numel() for p in network.parameters()) < 200_000


def test_an_epoch_counts_its_rows_and_how_many_were_mixed() -> None:
    labels = torch.tensor([[0, 1], [1, 0], [0, 0]])
    weights = torch.tensor(
        [[0.6, 0.4], [1.0, 0.0], [0.5, 0.5]]
    )  # the last is mixed with another of its class
    batches = [(torch.randn(3, 3, 8, 8), MixedTargets(labels, weights))] * 2
    model = nn.Sequential(nn.Flatten(), nn.Linear(192, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    losses: list[float] = []
    report = train_epoch(
        model, batches, optimizer, torch.optim.lr_scheduler.ConstantLR(optimizer), losses.append
    )
    assert (report.images, report.mixed, len(losses)) == (6, 4, 2)
    expected = nn.functional.cross_entropy(model(batches[0][0]), batches[0][1].dense(2))
    torch.testing.assert_close(torch.tensor(report.loss), expected)


def test_accuracy_is_the_share_of_right_answers_over_uneven_batches() -> None:
    batches = [
        (torch.eye(3)[[0, 1, 2]], torch.tensor([0, 1, 2])),
        (torch.eye(3)[[0]], torch.tensor([2])),
    ]
    assert accuracy(nn.Identity(), batches) == 0.75
