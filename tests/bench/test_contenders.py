"""Contenders one by one: their threads, what they leave in peace, and why one cannot run."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from dali_mixup._loader.settings import usual_threads
from dali_mixup.bench import tables
from dali_mixup.bench.contenders import CONTENDERS
from dali_mixup.bench.contenders.dali_torch import arguments
from dali_mixup.bench.contenders.ours import loader_of
from dali_mixup.bench.isolated import isolated
from dali_mixup.bench.runner import Plan, run
from dali_mixup.bench.work import Samples, Work

WORK = Work(batch_size=4, threads=1, classes=24, image_size=16, mixed=False)


def needs(name: str) -> None:
    if reason := CONTENDERS[name].missing("cpu"):
        pytest.skip(reason)


def epochs(name: str, samples: Samples, work: Work, count: int) -> list[list[int]]:
    """The labels of some epochs, from a fresh process, as in a benchmark: workers are forked, and what other tests left
    running here, threads above all, does not survive that."""
    return isolated(_epochs, name, samples, work, count, limit=120)


def _epochs(name: str, samples: Samples, work: Work, count: int) -> list[list[int]]:
    loader = CONTENDERS[name].build(samples, work)
    found = [[label for _, labels in loader.epoch() for label in labels.tolist()] for _ in range(count)]
    loader.close()
    return found


@pytest.fixture
def numbered(pictures: list[tuple[str, int]]) -> Samples:
    """Every picture with a label of its own."""
    return [(path, number) for number, (path, _) in enumerate(pictures)]


def test_every_dali_loader_has_as_many_threads_as_ours_has_by_default(numbered: Samples) -> None:
    import nvidia.dali.experimental.dynamic as ndd

    work = Work(batch_size=4, threads=2, classes=24, image_size=16)
    assert work.dali_threads == usual_threads(2) == 3
    with loader_of(numbered, work, "cpu") as loader:
        assert loader.spec.pipeline.num_threads == 3
    ours: Any = CONTENDERS["dali-mixup-dali"].build(numbered, work)
    assert ours.loader.spec.pipeline.num_threads == 3
    assert arguments(work)["num_threads"] == 3
    CONTENDERS["dali-dynamic"].build(numbered, work).close()
    assert ndd.get_num_threads() == 3


@pytest.mark.parametrize("name", ["torchvision-pil", "torchvision-tensor", "litdata"])
def test_every_torch_loader_has_as_many_workers_as_there_are_cores(name: str, numbered: Samples) -> None:
    needs(name)
    loader: Any = CONTENDERS[name].build(numbered, Work(batch_size=4, threads=2, classes=24))
    assert loader.loader.num_workers == 2


@pytest.mark.parametrize("name", ["dali-dynamic", "litdata"])
def test_images_that_fill_no_batch_are_left_out_and_none_comes_twice(name: str, numbered: Samples) -> None:
    needs(name)
    first, second = epochs(name, numbered[:10], WORK, 2)
    assert len(first) == len(second) == 8
    assert len(set(first)) == len(set(second)) == 8
    assert first != second


@pytest.mark.filterwarnings("error:capture=True:UserWarning")
def test_dalis_dynamic_mode_captures_every_operator(numbered: Samples) -> None:
    loader: Any = CONTENDERS["dali-dynamic"].build(numbered, WORK)
    list(loader.epoch())
    captured = loader.reader._captured_iter._capture_ctx
    assert captured.state.name == "CAPTURED"
    names = [node.op_class.__name__ for node in captured.nodes]
    assert names == ["ImageRandomCrop", "Resize", "CoinFlip", "CropMirrorNormalize"]
    loader.close()


def test_litdata_writes_nothing_beside_the_images(numbered: Samples) -> None:
    needs("litdata")
    root = Path(os.path.commonpath([path for path, _ in numbered]))
    before = sorted(root.rglob("*"))
    epochs("litdata", numbered, WORK, 1)
    assert sorted(root.rglob("*")) == before


NO_FFMPEG = "Could not load libtorchcodec. Likely causes:\n  1. FFmpeg is not properly installed.\n  2. ..."


@pytest.mark.parametrize("name", ["torchvision-tensor", "kornia", "litdata"])
@pytest.mark.parametrize(
    ("content", "said"),
    [(f"raise RuntimeError({NO_FFMPEG!r})", "Could not load libtorchcodec"), ("", "decode_jpeg")],
    ids=["libraries that do not load", "a version without images"],
)
def test_torchcodec_that_cannot_decode_is_one_line_of_the_report(
    name: str,
    content: str,
    said: str,
    numbered: Samples,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    needs(name)
    for module in [module for module in sys.modules if module.split(".")[0] == "torchcodec"]:
        monkeypatch.delitem(sys.modules, module)
    (tmp_path / "torchcodec").mkdir()
    (tmp_path / "torchcodec" / "__init__.py").touch()
    (tmp_path / "torchcodec" / "decoders.py").write_text(content)
    monkeypatch.syspath_prepend(tmp_path)
    plan = Plan(numbered, WORK, [name], ["loader"], [1], [4], 1, 2, 1, "as-is", "resnet50", 60, "")
    report = run(plan, lambda *_: None)
    titles = dict(tables.absent(report)[1])
    reason = titles[CONTENDERS[name].title]
    assert "TorchCodec cannot decode images here, expected 0.16 or newer" in reason and said in reason
    assert "\n" not in CONTENDERS[name].missing("cpu")
    assert report["runs"] == []


def test_kornia_without_a_compiler_says_so_on_the_cpu_only(monkeypatch: pytest.MonkeyPatch) -> None:
    needs("kornia")
    monkeypatch.setattr(shutil, "which", lambda name: None)
    assert "C++ compiler" in CONTENDERS["kornia"].missing("cpu")
    assert CONTENDERS["kornia"].missing("cuda") == ""
