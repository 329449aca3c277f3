"""`MixNode` between DALI's nodes and torchdata's."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from nvidia.dali.experimental import dynamic as ndd

tn = pytest.importorskip("torchdata.nodes")

from nvidia.dali.experimental.dynamic.pytorch import nodes  # noqa: E402

from dali_mixup import (  # noqa: E402
    CutMix,
    LabelDistance,
    MixPolicy,
    MixUp,
    Neighbours,
    Output,
    Remix,
    Schedule,
    UniMix,
)
from dali_mixup.dynamic import mix  # noqa: E402
from dali_mixup.dynamic.nodes import MixNode  # noqa: E402
from tests.fn.test_forms import noise  # noqa: E402

POLICY = MixPolicy([MixUp(0.8), CutMix(1.0)], granularity="sample", label_smoothing=0.1)
ROWS, H, W, STEPS = 4, 20, 34, 3


class Drawn(tn.BaseNode):
    """Three batches per epoch, numbered, with a state."""

    def reset(self, initial_state: dict[str, Any] | None = None) -> None:
        super().reset(initial_state)
        self.at = 0 if initial_state is None else initial_state["at"]

    def next(self) -> dict[str, Any]:
        if self.at == STEPS:
            raise StopIteration
        self.at += 1
        images = np.stack(noise(ROWS, H, W, seed=self.at))
        return {
            "data": ndd.as_batch(images, layout="HWC"),
            "label": ndd.as_batch(np.arange(ROWS)),
            "at": self.at,
        }

    def get_state(self) -> dict[str, Any]:
        return {"at": self.at}


def values(batch: dict[str, Any]) -> list[Any]:
    return [batch["data"].torch().tolist(), batch["label"].torch().tolist()]


def expected(epoch: int, policy: MixPolicy = POLICY, **address: Any) -> list[Any]:
    made = []
    for step in range(STEPS):
        plan = policy.plan(ROWS, H, W, epoch=epoch, step=step, **{"seed": 6, **address})
        images, targets = mix(
            np.stack(noise(ROWS, H, W, seed=step + 1)), np.arange(ROWS), plan, num_classes=ROWS
        )
        made.append([images.torch().tolist(), targets.torch().tolist()])
    return made


def drawn(policy: Any = POLICY, **options: Any) -> Any:
    return MixNode(Drawn(), policy, **{"num_classes": ROWS, "seed": 6, **options})


def test_every_epoch_has_its_own_plans() -> None:
    batches = tn.Loader(tn.Mapper(drawn(), values))
    first, second = list(batches), list(batches)
    assert first == expected(0) and second == expected(1) and first != second


def test_ranks_draw_differently() -> None:
    assert [values(batch) for batch in tn.Loader(drawn(rank=1))] == expected(0, rank=1) != expected(0)


@pytest.mark.parametrize("taken", [0, 1, STEPS])
def test_a_state_continues_with_what_is_left(taken: int) -> None:
    batches = tn.Loader(tn.Mapper(drawn(), values))
    epoch = iter(batches)
    for _ in range(taken):
        next(epoch)
    state = batches.state_dict()
    again = tn.Loader(tn.Mapper(drawn(), values))
    again.load_state_dict(state)
    assert list(again) == (expected(0)[taken:] or expected(1))


def test_labels_reach_rules_and_weights_that_need_them() -> None:
    for policy in (
        MixPolicy([MixUp(1.0)], partners="other_class"),
        MixPolicy([MixUp(1.0)], remix=Remix([1, 9, 1, 9])),
    ):
        assert [values(batch) for batch in tn.Loader(drawn(policy))] == expected(
            0, policy, labels=np.arange(ROWS)
        )


def test_other_keys_pass_unchanged() -> None:
    assert [batch["at"] for batch in tn.Loader(drawn())] == [1, 2, 3]


def test_a_schedule_has_its_place_in_the_epoch() -> None:
    policy = MixPolicy([MixUp(1.0)], schedule=Schedule(start=1))
    batches = tn.Loader(drawn(policy, steps_per_epoch=STEPS))
    unmixed = [batch["label"].torch() for batch in batches]
    assert all(torch.equal(targets, torch.eye(ROWS)) for targets in unmixed)
    assert not any(torch.equal(batch["label"].torch(), torch.eye(ROWS)) for batch in batches)


def test_partners_by_the_distance_of_vectors() -> None:
    policy = MixPolicy(MixUp(2.0), partners=LabelDistance(0.5, within="batch"), granularity="sample")
    vectors = np.array([[0.0], [0.2], [5.0], [5.1]], np.float32)

    class Numbers(Drawn):
        def next(self) -> dict[str, Any]:
            return super().next() | {"label": ndd.as_batch(vectors)}

    node = MixNode(Numbers(), policy, seed=6)
    node.reset()
    for step in range(STEPS):
        plan = policy.plan(ROWS, H, W, seed=6, epoch=0, step=step, labels=vectors)
        images, targets = mix(np.stack(noise(ROWS, H, W, seed=step + 1)), vectors, plan)
        made = [images.torch().tolist(), targets.torch().tolist()]
        assert values(node.next()) == made and (plan.partners // 2 == plan.partners[:, :1] // 2).all()


def test_between_dalis_nodes_and_torchdatas_threads(imagenet_root: Path) -> None:
    def make(threads: bool) -> list[Any]:
        node = nodes.Reader(ndd.readers.File, batch_size=8, file_root=str(imagenet_root / "train"))
        node = nodes.DictMapper(node, lambda data: ndd.resize(ndd.decoders.image(data), size=[16, 16]))
        node = nodes.ToTorch(MixNode(node, POLICY, num_classes=4, output=Output()))
        return [part for pair in tn.Loader(tn.Prefetcher(node, 2) if threads else node) for part in pair]

    plain = make(threads=False)
    assert [tuple(part.shape) for part in plain] == [(8, 3, 16, 16), (8, 4)] * 3
    assert all(map(torch.equal, plain, make(threads=True)))


@pytest.mark.parametrize(
    ("policy", "options", "error", "message"),
    [
        (None, {}, TypeError, "policy=None"),
        ("mixup", {}, TypeError, "policy='mixup', expected MixPolicy"),
        (MixPolicy([MixUp(1.0)], num_classes=3), {}, ValueError, "num_classes=4 but policy.num_classes=3"),
        (POLICY, {"seed": -1}, ValueError, "seed=-1"),
        (POLICY, {"rank": 1.0}, TypeError, "rank=1.0"),
        (POLICY, {"num_classes": 0}, ValueError, "num_classes=0"),
        (
            MixPolicy([MixUp(1.0)], partners=Neighbours(np.zeros((9, 1), int))),
            {},
            ValueError,
            "partners=.* are read in addition to the batch",
        ),
        *(
            (
                MixPolicy([MixUp(1.0)], **by_class),
                {"num_classes": None},
                ValueError,
                ".* need class ids; give num_classes",
            )
            for by_class in (
                {"partners": "same_class"},
                {"remix": Remix([3] * 4)},
                {"unimix": UniMix([3] * 4)},
            )
        ),
        *((POLICY, {"steps_per_epoch": bad}, ValueError, f"steps_per_epoch={bad}") for bad in (0, -3)),
        (POLICY, {"steps_per_epoch": "a"}, TypeError, "steps_per_epoch='a'"),
        (POLICY, {"targets": "densee"}, ValueError, "targets='densee', expected one of"),
        (POLICY, {"output": 3}, TypeError, "output=3, expected Output"),
        (POLICY, {"output": Output(dtype="bfloat16")}, ValueError, "output has dtype='bfloat16'"),
        (POLICY, {"output": Output(0.0, 1.0, bits=16)}, ValueError, "output has .* for the loaders"),
        (POLICY, {"output": Output((0,) * 9, (1,) * 9, "uint8")}, ValueError, "output has 9 means"),
        (POLICY, {"targets": "compact"}, ValueError, "policy has label_smoothing=0.1, but compact"),
        (POLICY, {"num_classes": None}, ValueError, "policy has label_smoothing=0.1 without num_classes"),
        (MixUp(), {"num_classes": None, "targets": "compact"}, ValueError, "targets='compact' consists of"),
        (
            MixPolicy(MixUp(), label_mixing="union"),
            {"targets": "compact"},
            ValueError,
            "targets='compact' has",
        ),
        (
            MixPolicy(MixUp(), partners=LabelDistance(1.0, within="batch")),
            {},
            ValueError,
            "partners=.* measures distances",
        ),
        (MixPolicy(MixUp(), remix=Remix([1, 2])), {}, ValueError, "policy has Remix with 2 counts"),
    ],
)
def test_wrong_arguments_are_refused(policy: Any, options: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=f"^MixNode: {message}"):
        drawn(policy, **options)


def test_a_schedule_inside_an_epoch_needs_its_length() -> None:
    policy = MixPolicy(MixUp(), schedule=Schedule(start=0.5))
    with pytest.raises(ValueError, match=r"boundary 0.5 .* give steps_per_epoch"):
        drawn(policy)
    assert len(list(tn.Loader(drawn(policy, steps_per_epoch=STEPS)))) == STEPS


@pytest.mark.parametrize("source", [None, [{}], drawn])
def test_sources_that_are_no_nodes_are_refused(source: Any) -> None:
    with pytest.raises(TypeError, match=f"^MixNode: source is a {type(source).__name__}, expected a node"):
        MixNode(source, POLICY, num_classes=ROWS)


@pytest.mark.parametrize(
    ("state", "message"),
    [
        ({"x": 1}, "expected what get_state of a MixNode returned"),
        ([], "expected what get_state of a MixNode returned"),
        ({"source": {}, "epoch": -1, "step": 0}, "MixNode.reset: epoch=-1"),
        ({"source": {}, "epoch": 0, "step": "a"}, "MixNode.reset: step='a'"),
    ],
)
def test_a_state_of_something_else_is_refused_and_changes_nothing(state: Any, message: str) -> None:
    node = drawn()
    node.reset()
    first = values(next(node))
    with pytest.raises((TypeError, ValueError), match=message):
        node.reset(state)
    assert [first, values(next(node))] == expected(0)[:2]
