"""Which device a loader takes, with GPUs pretended where there are none."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import torch

from dali_mixup._graph import device


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    """Makes torch and DALI see that many GPUs."""

    def pretend(count: int, dali: bool = True) -> None:
        from nvidia.dali import backend

        monkeypatch.setattr(torch.version, "cuda", "13.0")
        monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
        monkeypatch.setattr(backend, "GetCudaVersion", lambda: 12090 if dali else 0)

    return pretend


def test_auto_takes_the_local_ranks_gpu(gpus) -> None:  # type: ignore[no-untyped-def]
    gpus(4)
    assert [device.chosen_device("auto", rank) for rank in range(4)] == [
        torch.device("cuda", r) for r in range(4)
    ]
    assert device.chosen_device("cuda", 2) == torch.device("cuda", 2)
    assert device.chosen_device("cuda:1", 2) == device.chosen_device(1, 2) == torch.device("cuda", 1)


def test_auto_takes_the_cpu_where_torch_or_dali_sees_no_gpu(gpus) -> None:  # type: ignore[no-untyped-def]
    gpus(0)
    assert device.chosen_device("auto", 0) == torch.device("cpu")
    gpus(1, dali=False)
    assert device.chosen_device("auto", 0) == torch.device("cpu")
    with pytest.raises(ValueError, match="DALI sees no CUDA runtime"):
        device.chosen_device("cuda", 0)


def test_a_gpu_beyond_the_last_is_refused(gpus) -> None:  # type: ignore[no-untyped-def]
    gpus(2)
    with pytest.raises(ValueError, match=r"cuda:2 was asked for.*this process sees 2"):
        device.chosen_device("auto", 2)


@pytest.mark.parametrize("given", ["cpu", "cpu:0", "cpu:1", torch.device("cpu"), torch.device("cpu", 0)])
def test_a_numbered_cpu_is_the_cpu(given: str | torch.device) -> None:
    """Accelerate and the Hugging Face Trainer name the device of a rank in this way."""
    assert device.chosen_device(given, 1) == torch.device("cpu")


@pytest.mark.parametrize("given", ["gpu", "cuda:x", "cpu:0:1", None, True, 1.5, "mps"])
def test_other_names_are_refused(given: object) -> None:
    with pytest.raises(ValueError, match="expected 'auto', 'cpu', 'cuda', 'cuda:N'"):
        device.chosen_device(given, 0)  # type: ignore[arg-type]


class TestAGpuThatIsNotUsed:
    @pytest.fixture(autouse=True)
    def fresh(self, monkeypatch: pytest.MonkeyPatch, gpus) -> None:  # type: ignore[no-untyped-def]
        device._say_once.cache_clear()
        monkeypatch.setattr(device, "has_card", lambda: True)
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
        gpus(0)

    def lines(self, caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
        with caplog.at_level(logging.INFO, logger="dali_mixup"):
            device.chosen_device("auto", 0)
            device.chosen_device("auto", 0)
        return [(record.levelname, record.getMessage()) for record in caplog.records]

    def test_is_a_warning_once(self, caplog: pytest.LogCaptureFixture) -> None:
        ((level, line),) = self.lines(caplog)
        assert level == "WARNING"
        assert line == (
            "device='auto' chose cpu: torch sees no usable GPU, although this machine has an NVIDIA GPU; pass "
            "device='cpu' if this is intended"
        )

    def test_a_cpu_build_of_torch_is_named(
        self, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(torch.version, "cuda", None)
        ((level, line),) = self.lines(caplog)
        assert level == "WARNING" and f"torch {torch.__version__} is built without CUDA" in line

    def test_a_hidden_one_is_not(
        self, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
        assert self.lines(caplog) == [("INFO", "device='auto' chose cpu: torch sees no usable GPU")]


@pytest.mark.parametrize(
    ("files", "there"),
    [
        ({}, False),
        ({"dev/nvidia0": ""}, True),
        ({"dev/nvidiactl": "", "dev/nvidia-uvm": ""}, False),
        ({"sys/bus/pci/devices/0/vendor": "0x10de", "sys/bus/pci/devices/0/class": "0x030200"}, True),
        (
            {"sys/bus/pci/devices/0/vendor": "0x10de", "sys/bus/pci/devices/0/class": "0x040300"},
            False,
        ),  # sound
        ({"sys/bus/pci/devices/0/vendor": "0x8086", "sys/bus/pci/devices/0/class": "0x030000"}, False),
    ],
)
def test_a_card_is_seen_without_a_driver(tmp_path: Path, files: dict[str, str], there: bool) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text + "\n")
    assert device.has_card(tmp_path) is there
