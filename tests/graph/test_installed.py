"""Environments with no DALI, with two, and with one: what is said, and nothing where nothing is wrong."""

from __future__ import annotations

import pytest

from dali_mixup._graph.installed import require_dali

TWO = ("nvidia-dali-cuda120", "nvidia-dali-cuda130")


@pytest.mark.parametrize(
    ("cuda", "extra", "because"),
    [
        ("13.0", "cuda13", "torch is built for CUDA 13.0"),
        ("12.8", "cuda12", "torch is built for CUDA 12.8"),
        ("11.8", "cuda12", "torch is built for CUDA 11.8"),
        ("14.1", "cuda13", "torch is built for CUDA 14.1"),
        (None, "cuda12", "torch is built without CUDA, and either works"),
    ],
)
def test_none_says_which_to_install(cuda: str | None, extra: str, because: str) -> None:
    with pytest.raises(ModuleNotFoundError) as caught:
        require_dali((), False, cuda)
    assert str(caught.value) == (
        f"NVIDIA DALI is not installed; pip install 'dali-mixup[{extra}]' ({because})"
    )
    assert caught.value.name == "nvidia.dali"  # recipes are read all the same


def test_two_say_what_to_remove() -> None:
    with pytest.raises(ImportError) as caught:
        require_dali(TWO, True, "13.0")
    assert (
        "pip uninstall -y nvidia-dali-cuda120 nvidia-dali-cuda130; pip install 'dali-mixup[cuda13]'"
        in str(caught.value)
    )


def test_one_is_right_whatever_torch_has() -> None:
    for cuda in ("12.8", "13.0", None):
        for package in TWO:
            require_dali((package,), True, cuda)
    require_dali((), True, "13.0")  # from a container that has it without a package
