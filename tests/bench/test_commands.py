"""The two commands from end to end, on a handful of images."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from dali_mixup import Runtime, train_loader
from dali_mixup.bench import tuned
from dali_mixup.bench.settings import names, network, numbers
from dali_mixup.bench.tuned import as_yaml, candidates
from dali_mixup.cli import app

SMALL = ["--image-size", "32", "--device", "cpu"]


def test_bench_writes_report_plots_and_page(image_folder: Path, tmp_path: Path) -> None:
    options = ["--threads", "1", "--batch-sizes", "4", "--repeats", "1", "--batches", "2", "--warmup", "1"]
    options += ["--only", "dali-mixup,decode-only", "--modes", "loader,training,replay,synthetic"]
    options += ["--model", "squeezenet1_1", "--classes", "4", "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(
        app, ["bench", str(image_folder), *options, "--image-size", "64", "--device", "cpu"]
    )
    assert result.exit_code == 0, result.output
    assert "not measured: FFCV" in result.output
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert [run["contender"] for run in report["runs"] if run["mode"] == "loader"] == [
        "dali-mixup",
        "decode-only",
    ]
    assert {run["mode"] for run in report["runs"]} == {"loader", "training", "replay", "synthetic"}
    assert all(run["images"] == 8 and len(run["waits"]) == 2 for run in report["runs"])
    assert report["data"]["images"] == 24 and report["cache"] == "warm"
    assert {path.suffix for path in (tmp_path / "out").iterdir()} == {".json", ".html", ".svg"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--synthetic", "0"], "give the path of the data"),
        (["--synthetic", "100", "somewhere"], "'somewhere' and --synthetic 100 are given; give one of them"),
        (["--synthetic", "8"], "--synthetic 8: expected at least 100 images"),
        (["no/such/folder"], "no/such/folder"),
        (["{data}", "--threads", "2,2"], "different whole numbers"),
        (["{data}", "--only", "timn"], "no 'timn'"),
        (["{data}", "--cache", "hot"], "cache='hot'"),
        (["{data}", "--model", "resnet50"], "--model: --modes loader has no training step"),
        (
            ["{data}", "--modes", "training", "--model", "resnt50"],
            "no network 'resnt50' for classification (did you",
        ),
    ],
)
def test_bench_refuses(options: list[str], message: str, image_folder: Path) -> None:
    given = [option.format(data=image_folder) for option in options]
    result = CliRunner().invoke(app, ["bench", *given, "--device", "cpu"])
    assert result.exit_code == 2
    assert message in result.output


@pytest.mark.slow
def test_tune_writes_settings_that_a_loader_takes(
    image_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tuned, "candidates", lambda *_: [Runtime(1, 2), Runtime(1, 1)])
    target = tmp_path / "tuned.yaml"
    options = ["--out", str(target), "--batch-size", "4", "--budget", "10", *SMALL]
    result = CliRunner().invoke(app, ["tune", str(image_folder), *options])
    assert result.exit_code == 0, result.output
    settings = yaml.safe_load(target.read_text())
    assert Runtime(**settings) in (Runtime(1, 2), Runtime(1, 1))
    assert "The bottleneck is" in target.read_text()
    runtime = Runtime(**settings)
    with train_loader(
        str(image_folder), device="cpu", batch_size=4, image_size=32, runtime=runtime
    ) as loader:
        assert len(next(iter(loader))[0]) == 4


def test_tune_refuses_an_unknown_network_before_any_work(image_folder: Path, tmp_path: Path) -> None:
    options = ["--out", str(tmp_path / "tuned.yaml"), "--model", "resnt50", *SMALL]
    result = CliRunner().invoke(app, ["tune", str(image_folder), *options])
    assert result.exit_code == 2
    assert "no network 'resnt50' for classification (did you mean 'resnet50'?)" in result.output
    assert not (tmp_path / "tuned.yaml").exists()


def test_networks_are_named_as_torchvision_takes_them() -> None:
    assert network("ResNet50") == "ResNet50"
    with pytest.raises(ValueError, match="no network 'fcn_resnet50' for classification"):
        network("fcn_resnet50")


def test_candidates_begin_with_the_default_and_never_repeat() -> None:
    for device, windows in (("cpu", True), ("cuda", True), ("cuda", False)):
        for cores in (1, 2, 16):
            tried = candidates(cores, device, windows)
            assert len(set(tried)) == len(tried)
            assert (tried[0].num_threads, tried[0].prefetch) == (cores + 1, 2)
            assert any(s.roi_decoding is True for s in tried) == (device == "cuda" and windows)
    assert candidates(4, "cuda", True)[0].hw_decoder_load == Runtime().hw_decoder_load


def test_the_file_holds_the_threads_and_what_is_not_the_default() -> None:
    assert as_yaml(Runtime(3, 2), ["a comment"]) == "# a comment\nnum_threads: 3\n"
    for runtime in (Runtime(3, 4), Runtime(2, roi_decoding=False, hw_decoder_load=0.3)):
        assert Runtime(**yaml.safe_load(as_yaml(runtime, []))) == runtime


def test_lists_of_the_command_line() -> None:
    assert numbers("threads", "8,4") == [8, 4]
    assert names("only", "b,a", ("a", "b", "c")) == ["a", "b"]
    assert names("only", "all", ("a", "b")) == ["a", "b"]
    for text in ("", "0", "a", "1,1", "1.5"):
        with pytest.raises(ValueError, match="different whole numbers"):
            numbers("threads", text)
