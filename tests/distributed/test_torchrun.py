"""Real processes under torchrun, on the CPU. The arithmetic for 1 to 8 ranks is proven in test_epoch.py."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from dali_mixup._epochs.layout import order
from tests.distributed.agents import finished, free_port, started

EXAMPLE = Path(__file__).parents[2] / "examples" / "ddp.py"
SAMPLES, JUDGED = 24, 11


def one_agent(ranks: int) -> list[list[str]]:
    """The options of the agents, here of one that starts all ranks."""
    return [["--standalone", "--nproc-per-node", str(ranks)]]


def two_agents(*rendezvous: str) -> list[list[str]]:
    """Two agents with one rank each, which find each other as those of two hosts do."""
    return [
        ["--nnodes", "2", "--nproc-per-node", "1", "--node-rank", str(node), *rendezvous] for node in (0, 1)
    ]


def static() -> list[list[str]]:
    return two_agents("--master-addr", "127.0.0.1", "--master-port", str(free_port()))


def c10d() -> list[list[str]]:
    return two_agents(
        "--rdzv-backend", "c10d", "--rdzv-endpoint", f"localhost:{free_port()}", "--rdzv-id", "job"
    )


LAUNCHES: dict[str, tuple[int, Callable[[], list[list[str]]]]] = {
    "2-ranks": (2, partial(one_agent, 2)),
    "4-ranks": (4, partial(one_agent, 4)),
    "2-agents-static": (2, static),
    "2-agents-c10d": (2, c10d),
}


SLOW = ("4-ranks", "2-agents-static")


@pytest.fixture(
    scope="module",
    params=[pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name for name in LAUNCHES],
)
def ranks(
    request: pytest.FixtureRequest, imagenet_root: Path, tmp_path_factory: pytest.TempPathFactory
) -> list[dict[str, Any]]:
    """What each rank of a run wrote down. 24 samples to train on, 11 to judge: neither divides evenly."""
    out = tmp_path_factory.mktemp("ranks")
    count, options = LAUNCHES[request.param]
    images = sorted((imagenet_root / "val").glob("*/*"))[:JUDGED]
    wnids = sorted({image.parent.name for image in images})
    (out / "val.txt").write_text("".join(f"{i} {wnids.index(i.parent.name)}\n" for i in images))
    job = [str(Path(__file__).with_name("ddp_worker.py")), str(imagenet_root / "train"), str(out / "val.txt")]
    example = [str(EXAMPLE)] if request.param == "2-ranks" else []
    agents = options()
    logs = [out / f"agent-{number}.log" for number in range(len(agents))]
    finished(
        [started(agent, [*job, str(out), *example], log) for agent, log in zip(agents, logs, strict=True)],
        logs,
        seconds=300,
    )
    records = [json.loads((out / f"{rank}.json").read_text()) for rank in range(count)]
    if example:
        accuracies = [json.loads((out / f"example-{rank}.json").read_text()) for rank in (0, 1)]
        assert 0 <= accuracies[0] == accuracies[1] <= 1, "the example, resumed, agrees on every rank"
        states = torch.load(out / "ddp" / "checkpoint.pt")["loaders"]
        assert [(state["rank"], state["epoch"], state["step"]) for state in states] == [(0, 2, 0), (1, 2, 0)]
    assert [record["rank"] for record in records] == list(range(count))
    return records


def taken(ranks: list[dict[str, Any]], name: str, epoch: int) -> list[int]:
    """The samples of an epoch in the order step by step, and rank by rank within a step."""
    epochs = [record[name]["epochs"][epoch] for record in ranks]
    return [index for step in zip(*epochs, strict=True) for piece in step for index in piece["indices"]]


@pytest.mark.parametrize("name", ["all", "full"])
def test_every_rank_takes_the_same_number_of_steps(ranks: list[dict[str, Any]], name: str) -> None:
    counts = {len(epoch) for record in ranks for epoch in record[name]["epochs"]}
    assert counts == {record[name]["len"] for record in ranks} and len(counts) == 1


@pytest.mark.parametrize("epoch", [0, 1])
def test_every_sample_comes_exactly_once(ranks: list[dict[str, Any]], epoch: int) -> None:
    assert sorted(taken(ranks, "all", epoch)) == list(range(SAMPLES))


@pytest.mark.parametrize("epoch", [0, 1])
def test_with_drop_last_at_most_once_and_every_batch_is_full(ranks: list[dict[str, Any]], epoch: int) -> None:
    samples = taken(ranks, "full", epoch)
    assert len(samples) == len(set(samples)) == SAMPLES // (3 * len(ranks)) * 3 * len(ranks)
    assert all(len(step["indices"]) == 3 for record in ranks for step in record["full"]["epochs"][epoch])


@pytest.mark.parametrize("epoch", [0, 1])
def test_all_ranks_follow_one_global_order(ranks: list[dict[str, Any]], epoch: int) -> None:
    assert taken(ranks, "all", epoch) == order(7, epoch, SAMPLES).tolist()
    assert order(7, 0, SAMPLES).tolist() != order(7, 1, SAMPLES).tolist()


def test_ranks_mix_and_crop_differently(ranks: list[dict[str, Any]]) -> None:
    def of(record: dict[str, Any], key: str) -> list[Any]:
        return [step[key] for epoch in record["all"]["epochs"] for step in epoch]

    for key in ("lam", "pixels"):
        assert len({json.dumps(of(record, key)) for record in ranks}) == len(ranks)
    lam = [np.concatenate(of(record, "lam")) for record in ranks]
    lam = [drawn[drawn * 64 % 1 > 0] for drawn in lam]  # MixUp's; CutMix's are areas in 8 x 8 pixels
    assert all(drawn.size for drawn in lam)
    assert not any(np.intersect1d(lam[0], other).size for other in lam[1:])


def test_partners_come_from_the_local_batch(ranks: list[dict[str, Any]]) -> None:
    for record in ranks:
        for step in record["all"]["epochs"][0]:
            assert step["partners"] < len(step["indices"])


def test_all_ranks_end_with_the_same_weights(ranks: list[dict[str, Any]]) -> None:
    for record in ranks:
        assert record["weights"] == pytest.approx(ranks[0]["weights"], rel=1e-12)


def test_validation_judges_every_sample_once_and_no_batch_is_empty(ranks: list[dict[str, Any]]) -> None:
    judged = [rows for record in ranks for rows, _ in record["val"]["judged"]]
    assert all(judged)
    assert sorted(itertools.chain(*judged)) == list(range(JUDGED))
    assert all(record["val"]["len"] == len(record["val"]["judged"]) for record in ranks)
    assert len({record["val"]["len"] for record in ranks}) == 1


def test_the_all_reduced_accuracy_is_that_of_the_whole_set(ranks: list[dict[str, Any]]) -> None:
    right = {
        row: good
        for record in ranks
        for rows, goods in record["val"]["judged"]
        for row, good in zip(rows, goods, strict=True)
    }
    expected = [sum(right.values()), JUDGED]
    assert [record["val"]["all_reduced"] for record in ranks] == [expected] * len(ranks)
