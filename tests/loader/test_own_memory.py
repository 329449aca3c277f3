"""The tensors of a batch are its own: one that is changed in place changes no other, nor the plan."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
import pytest
import torch

from dali_mixup import HandOver, MixedTargets, MixPolicy, MixUp
from tests.loader.companions import loader


def tensors_of(value: Any) -> dict[str, torch.Tensor]:
    """The tensors that are fields of it."""
    known = {field.name: getattr(value, field.name) for field in fields(value)}
    return {name: each for name, each in known.items() if isinstance(each, torch.Tensor)}


@pytest.mark.parametrize(
    "policy", [None, MixPolicy(MixUp(0.5), granularity="sample")], ids=["clean", "mixed"]
)
@pytest.mark.parametrize("targets", ["compact", "dense", "labels"])
def test_no_tensor_shares_its_memory(files: Any, policy: MixPolicy | None, targets: Any) -> None:
    if policy is not None and targets == "labels":
        pytest.skip("mixed targets are no labels")
    made = loader(files[0], policy, targets=targets, handover=HandOver())
    for images, given, record in made:
        last = made.last_batch
        own = tensors_of(given) if isinstance(given, MixedTargets) else {"targets": given}
        known = [
            ("images", images),
            *((f"targets.{name}", each) for name, each in own.items()),
            *((f"record.{name}", each) for name, each in tensors_of(record).items()),
            *((f"last.{name}", each) for name, each in tensors_of(last).items()),
        ]
        plan = {} if last.plan is None else {f.name: getattr(last.plan, f.name) for f in fields(last.plan)}
        known += [
            (f"plan.{name}", torch.from_numpy(each))
            for name, each in plan.items()
            if isinstance(each, np.ndarray)
        ]
        places: dict[int, str] = {}
        for name, each in known:
            if each.numel():
                place = each.untyped_storage().data_ptr()
                assert place not in places, f"{name} shares its memory with {places[place]}"
                places[place] = name


def test_labels_that_are_masked_in_place_are_still_in_the_record(files: Any) -> None:
    for _, labels, record in loader(files[0], None, targets="labels", handover=HandOver()):
        expected = record.sample_ids % 4
        labels.fill_(-100)
        assert torch.equal(record.labels, expected) and torch.equal(record.true_labels, expected)
