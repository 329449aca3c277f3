"""Which device a loader takes, with GPUs pretended where there are none."""

from __future__ import annotations

import pytest
import torch

from dali_mixup._graph import device


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch):  # type: ignore[no-untyped-def]
    """Makes torch and DALI see that many GPUs."""

    def pretend(count: int, dali: bool = True) -> None:
        from nvidia.dali import backend

        monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
        monkeypatch.setattr(backend, "GetCudaVersion", lambda: 12090 if dali else 0)

    return pretend


def test_auto_takes_the_local_ranks_gpu(gpus) -> None:  # type: ignore[no-untyped-def]
    gpus(4)
    assert [device.resolve("auto", rank) for rank in range(4)] == [torch.device("cuda", r) for r in range(4)]
    assert device.resolve("cuda", 2) == torch.device("cuda", 2)
    assert device.resolve("cuda:1", 2) == device.resolve(1, 2) == torch.device("cuda", 1)


def test_auto_takes_the_cpu_where_torch_or_dali_sees_no_gpu(gpus) -> None:  # type: ignore[no-untyped-def]
    gpus(0)
    assert device.resolve("auto", 0) == torch.device("cpu")
    gpus(1, dali=False)
    assert device.resolve("auto", 0) == torch.device("cpu")
    with pytest.raises(ValueError, match="DALI sees no CUDA runtime"):
        device.resolve("cuda", 0)


def test_a_gpu_beyond_the_last_is_refused(gpus) -> None:  # type: ignore[no-untyped-def]
    gpus(2)
    with pytest.raises(ValueError, match=r"cuda:2 was asked for.*this process sees 2"):
        device.resolve("auto", 2)


@pytest.mark.parametrize("given", ["gpu", "cuda:x", "cpu:0:1", None, True, 1.5, "mps"])
def test_other_names_are_refused(given: object) -> None:
    with pytest.raises(ValueError, match="expected 'auto', 'cpu', 'cuda', 'cuda:N'"):
        device.resolve(given, 0)  # type: ignore[arg-type]
