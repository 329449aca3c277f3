"""Every installed contender does the work, and a contender that does not is found out, each fault by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch

from dali_mixup.bench.contenders import CONTENDERS
from dali_mixup.bench.contenders.base import Batch, Contender, Loader
from dali_mixup.bench.contenders.ours import Ours
from dali_mixup.bench.equal_work import Facts, examine, faults
from dali_mixup.bench.isolated import isolated
from dali_mixup.bench.work import Samples, Work

WORK = Work(batch_size=64, threads=1, classes=40, image_size=96)
# Kornia's operations are compiled, which takes long; while two suites ran at once, a worker process died of it.
WORKERS = [
    pytest.param(name, marks=pytest.mark.slow if name == "kornia" else ())
    for name, contender in CONTENDERS.items()
    if contender.role != "roofline"
]


@pytest.mark.parametrize("name", WORKERS)
def test_contender_does_equal_work(name: str, tmp_path: Path) -> None:
    assert found_in(name, tmp_path, eagerly) == []  # the compiler takes half a minute


@pytest.mark.slow
def test_compiled_kornia_does_equal_work(tmp_path: Path) -> None:
    assert found_in("kornia", tmp_path, examine) == []


def eagerly(contender: Contender, work: Work, folder: Path) -> Facts:
    with torch.compiler.set_stance("force_eager"):
        return examine(contender, work, folder)


def found_in(name: str, folder: Path, how: Callable[[Contender, Work, Path], Facts]) -> list[str]:
    """Those with worker processes in a process of their own, as the benchmark does it: workers forked beside the
    threads of other tests may die of them."""
    contender = CONTENDERS[name]
    if contender.missing("cpu"):
        pytest.skip(contender.missing("cpu"))
    made_of_dali = name.startswith("dali")
    facts = (
        how(contender, WORK, folder) if made_of_dali else isolated(how, contender, WORK, folder, limit=300)
    )
    return faults(facts, replace(WORK, mixed=contender.role == "contender"))


class _Changed(Contender):
    """Our loader, with something done to its work or its batches."""

    name: ClassVar[str] = "changed"
    title: ClassVar[str] = "changed"

    def __init__(self, work: dict[str, Any] | None = None, batch: Any = None):
        self.work, self.batch = work or {}, batch

    def build(self, samples: Samples, work: Work) -> Loader:
        inner, change = Ours().build(samples, replace(work, **self.work)), self.batch

        class Changed(Loader):
            def epoch(self) -> Iterator[Batch]:
                batches = inner.epoch()
                return batches if change is None else (change(*batch) for batch in batches)

            def close(self) -> None:
                inner.close()

        return Changed()


CHEATS: dict[str, tuple[dict[str, Any], Any, list[str]]] = {
    "smaller, square, never flipped crops": (
        {"scale": (0.04, 0.5), "ratio": (1.0, 1.0), "hflip": 0.0},
        None,
        ["area_p", "ratio_p", "flips_p"],
    ),
    "cheaper images": (
        {},
        lambda images, targets: (1.1 * images.half().contiguous(memory_format=torch.channels_last), targets),
        ["dtype", "contiguous", "pixels differ"],
    ),
    "targets that lose weight": (
        {},
        lambda images, targets: (images, targets * 0.9 if targets.ndim == 2 else targets),
        ["a sum of 1"],
    ),
    "targets of other rows": (
        {},
        lambda images, targets: (images, targets.roll(1, 0)),
        ["targets and pixels disagree", "right_labels"],
    ),
    "no mixing": ({"mixed": False}, None, ["target_shape", "target_dtype", "0 batches of MixUp"]),
}


@pytest.mark.parametrize("cheat", CHEATS)
def test_a_cheat_is_found_out(cheat: str, tmp_path: Path) -> None:
    work, batch, words = CHEATS[cheat]
    found = faults(examine(_Changed(work, batch), WORK, tmp_path), WORK)
    for word in words:
        assert any(word in fault for fault in found), (word, found)


FACTS = Facts(
    shape=(8, 3, 96, 96),
    dtype="torch.float32",
    contiguous=True,
    device="cpu",
    target_shape=(8, 40),
    target_dtype="torch.float32",
    batches=4,
    samples=32,
    right_labels=True,
    area_p=0.5,
    ratio_p=0.5,
    flips_p=0.5,
    pixels=0.2,
    row_sums=0.0,
    named=2,
    colour=1.0,
    blended=8,
    pasted=8,
)


def test_faultless_facts() -> None:
    assert faults(FACTS, WORK) == []


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("batches", 3),
        ("samples", 31),
        ("device", "cuda"),
        ("pixels", 8.0),
        ("named", 3),
        ("pasted", 0),
        ("blended", 0),
        ("target_dtype", "torch.float64"),
    ],
)
def test_each_fact_alone_is_a_fault(field: str, value: object) -> None:
    assert len(faults(replace(FACTS, **{field: value}), WORK)) == 1
