"""Targets that are not those of the batch, refused alike by every class that takes some."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from dali_mixup.latent import DenseMultiMix, ManifoldMixup, MixMatchStep, MultiMix, class_attention
from dali_mixup.targets import MixedTargets

B, D, C = 6, 5, 3
x, maps = torch.randn(B, D), torch.randn(B, D, 4)
labels = torch.arange(B) % C
Call = Callable[[Any], object]


def manifold(targets: Any) -> object:
    net = nn.Sequential(nn.Linear(D, 8), nn.Linear(8, C))
    return ManifoldMixup(net, ["0"])(net, x, targets)


WITH_CLASSES: dict[str, Call] = {
    "MultiMix": lambda targets: MultiMix(C, n=2)(x, targets, mixed=False),
    "DenseMultiMix": lambda targets: DenseMultiMix(C, n=2)(maps, targets, mixed=False),
    "MixMatchStep": lambda targets: MixMatchStep(C)(nn.Linear(D, C), x, targets, [x]),
    "class_attention": lambda targets: class_attention(maps, targets, torch.randn(C, D)),
}
ALL: dict[str, Call] = {"ManifoldMixup": manifold, **WITH_CLASSES}


def compact(ids: torch.Tensor) -> MixedTargets:
    return MixedTargets(ids.unsqueeze(1), torch.ones(len(ids), 1))


@pytest.mark.parametrize("owner", ALL)
@pytest.mark.parametrize("form", [lambda ids: ids, compact, lambda ids: torch.eye(C)[ids]])
@pytest.mark.parametrize("rows", [1, 4, 9])
def test_another_number_of_rows_is_refused(owner, form, rows):
    with pytest.raises(ValueError, match=f"{owner}: targets of {rows} rows for 6 rows, expected one"):
        ALL[owner](form(torch.arange(rows) % C))


@pytest.mark.parametrize("owner", ALL)
@pytest.mark.parametrize(
    ("targets", "error", "words"),
    [
        (labels.unsqueeze(1), ValueError, r"class ids of shape \(6, 1\), expected \(6,\): .*targets.flatten"),
        (
            torch.eye(C).long()[labels],
            ValueError,
            r"class ids of shape \(6, 3\), expected \(6,\): .*targets.float",
        ),
        (torch.tensor(1), ValueError, "targets of no rows for 6 rows"),
        (labels.int(), TypeError, r"class ids are torch.int32, expected torch.int64: use targets.long\(\)"),
        (labels.bool(), TypeError, "class ids are torch.bool, expected torch.int64"),
        (
            labels.tolist(),
            TypeError,
            r"targets of type list, expected a tensor or MixedTargets: use torch.tensor\(",
        ),
        (
            labels.numpy(),
            TypeError,
            r"targets of type ndarray, expected a tensor or MixedTargets: use torch.from_numpy\(",
        ),
        (None, TypeError, "targets of type NoneType, expected a tensor or MixedTargets$"),
        (labels - 1, ValueError, "class id -1, expected ids .*leave out rows without a label"),
    ],
)
def test_another_form_is_refused(owner, targets, error, words):
    with pytest.raises(error, match=f"{owner}: {words}"):
        ALL[owner](targets)


@pytest.mark.parametrize("owner", WITH_CLASSES)
def test_class_ids_that_do_not_exist_are_refused(owner):
    for form in (lambda ids: ids, compact):
        with pytest.raises(ValueError, match=f"{owner}: class id 3, expected ids from 0 to 2"):
            WITH_CLASSES[owner](form(labels + 1))
    with pytest.raises(ValueError, match=rf"{owner}: class id -1.* an unlabelled partner \(partners=Pool"):
        WITH_CLASSES[owner](compact(labels - 1))
    with pytest.raises(ValueError, match=rf"{owner}: soft targets of shape \(6, 4\).* expected \(6, 3\)"):
        WITH_CLASSES[owner](torch.rand(B, C + 1))


@pytest.mark.parametrize("owner", ALL)
@pytest.mark.parametrize("targets", [labels, compact(labels), torch.eye(C)[labels]])
def test_targets_of_the_batch_pass(owner, targets):
    ALL[owner](targets)


def test_the_check_compiles_without_a_graph_break():
    from dali_mixup.latent.targets import check_targets

    def step(ids: torch.Tensor, soft: torch.Tensor) -> torch.Tensor:
        check_targets("step", ids, B, C)
        check_targets("step", ids, B)
        check_targets("step", soft, B, C)
        return soft + ids.unsqueeze(1)

    compiled = torch.compile(step, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(labels, torch.ones(B, C)), 1.0 + labels.unsqueeze(1).expand(B, C))
