"""Mixing as a torchdata node, between DALI's own nodes of its dynamic mode (`dynamic.pytorch.nodes`)."""

from __future__ import annotations

import dali_mixup.dynamic.installed  # noqa: F401

# isort: split
from collections.abc import Sequence
from typing import Any, Literal

from nvidia.dali.experimental.dynamic.pytorch.nodes import DictMapper
from torchdata.nodes import BaseNode

from dali_mixup._checks import address
from dali_mixup._decide.arguments import mixing_policy, number_of_classes, refuse_labels, steps_of_epoch
from dali_mixup._decide.policy import MixPolicy
from dali_mixup._graph.options import Output
from dali_mixup._graph.returned import check_output, check_targets
from dali_mixup.dynamic import mix
from dali_mixup.dynamic.inputs import as_images, checked_labels
from dali_mixup.methods import Method

__all__ = ["MixNode"]


# DALI's nodes share a metaclass, which keeps their GPU the current one in torchdata's threads.
class MixNode(BaseNode[dict[str, Any]], metaclass=type(DictMapper)):  # type: ignore[misc, metaclass]
    """Mixes the batches of dictionaries with the keys "data" (images) and "label", as DALI's nodes `Reader` and
    `DictMapper` yield them. The decisions are `policy.plan` of (seed, rank, epoch, step).

    `reset()` begins the next epoch. The state holds the position and the source's state; DALI's `Reader` refuses to
    continue from one (2.4.0 raises NotImplementedError), other sources may do so.

    Args:
        source: a node of such dictionaries; their other keys pass unchanged.
        policy: a `MixPolicy`, or one or more methods, chosen with equal odds.
        num_classes: > 0 for class ids; None: the policy's; if that is None too, the labels are float vectors.
        seed, rank: each rank passes its own rank, and all the same seed.
        steps_per_epoch: batches per epoch; needed if the policy has a schedule with a boundary inside an epoch.
        output, targets: as in `mix`.

    Raises:
        TypeError, ValueError: arguments outside the above; batches that cannot be mixed.
    """

    def __init__(
        self,
        source: BaseNode[dict[str, Any]],
        policy: MixPolicy | Method | Sequence[Method],
        *,
        num_classes: int | None = None,
        seed: int = 0,
        rank: int = 0,
        steps_per_epoch: int | None = None,
        output: Output | None = None,
        targets: Literal["dense", "compact"] = "dense",
    ):
        super().__init__()
        if not isinstance(source, BaseNode):
            raise TypeError(
                f"MixNode: source is a {type(source).__name__}, expected a node of torchdata, such as "
                "nvidia.dali.experimental.dynamic.pytorch.nodes.Reader"
            )
        mixing = mixing_policy("MixNode", policy, "this node is for mixing only")
        self.source, self.policy = source, mixing
        self.num_classes = number_of_classes("MixNode", num_classes, mixing)
        check_output("MixNode", output)
        check_targets("MixNode", targets, self.num_classes, mixing.label_mixing, mixing.label_smoothing)
        refuse_labels("MixNode", mixing, ids=self.num_classes is not None)
        self.address: dict[str, Any] = {
            "seed": address("MixNode", "seed", seed),
            "rank": address("MixNode", "rank", rank),
            "steps_per_epoch": steps_of_epoch("MixNode", steps_per_epoch, mixing),
        }
        self.options: dict[str, Any] = {"output": output, "targets": targets}
        self.epoch = self.step = 0

    def reset(self, initial_state: dict[str, Any] | None = None) -> None:
        if initial_state is None:
            epoch, step, source = self.epoch + (self.step > 0), 0, None
        else:
            epoch, step, source = _parts_of(initial_state)
        super().reset(initial_state)
        self.source.reset(source)
        self.epoch, self.step = epoch, step

    def next(self) -> dict[str, Any]:
        batch = dict(self.source.next())
        images, _, (height, width, _) = as_images(batch["data"])
        labels = checked_labels(batch["label"], images.batch_size, self.num_classes)
        plan = self.policy.plan(
            images.batch_size,
            height,
            width,
            labels=labels,
            epoch=self.epoch,
            step=self.step,
            **self.address,
        )
        batch["data"], batch["label"] = mix(
            images, labels, plan, num_classes=self.num_classes, **self.options
        )
        self.step += 1
        return batch

    def get_state(self) -> dict[str, Any]:
        return {"source": self.source.state_dict(), "epoch": self.epoch, "step": self.step}


def _parts_of(state: Any) -> tuple[int, int, Any]:
    """(epoch, step, the source's state); TypeError or ValueError for another node's."""
    if not isinstance(state, dict) or not {"source", "epoch", "step"} <= set(state):
        raise ValueError(
            f"MixNode.reset: state={state!r:.200}, expected what get_state of a MixNode returned"
        )
    epoch, step = (address("MixNode.reset", name, state[name]) for name in ("epoch", "step"))
    return epoch, step, state["source"]
