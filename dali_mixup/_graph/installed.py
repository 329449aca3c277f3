"""Importing this module makes sure that there is one DALI, before anything imports it, and says what to do otherwise.

DALI comes as one package for each major version of CUDA, none of which can be required of everybody: they write the
same files, so a second one destroys the first.
"""

from __future__ import annotations

from importlib import metadata, util

PACKAGES = ("nvidia-dali-cuda110", "nvidia-dali-cuda120", "nvidia-dali-cuda130")
OFFERED = ("12", "13")  # versions for which there are extras, the older first


def require_dali(packages: tuple[str, ...], importable: bool, cuda: str | None) -> None:
    """Refuse an environment that has no DALI, or two.

    Args:
        packages: the installed distributions of DALI.
        importable: whether `nvidia.dali` exists, from any package.
        cuda: torch's version of CUDA, such as "13.0"; None: torch is built without CUDA.

    Raises:
        ModuleNotFoundError: DALI is not installed.
        ImportError: two are installed.
    """
    extra = f"cuda{_offered(cuda)}"
    because = (
        "torch is built without CUDA, and either works" if cuda is None else f"torch is built for CUDA {cuda}"
    )
    if len(packages) > 1:
        raise ImportError(
            f"{' and '.join(packages)} are both installed and write the same files, so neither is intact. Remove both "
            f"and install one ({because}): pip uninstall -y {' '.join(packages)}; pip install 'dali-mixup[{extra}]'"
        )
    if not importable:
        raise ModuleNotFoundError(
            f"NVIDIA DALI is not installed; pip install 'dali-mixup[{extra}]' ({because})", name="nvidia.dali"
        )


def _offered(cuda: str | None) -> str:
    """The major version of CUDA whose DALI matches torch's. DALI brings its own CUDA libraries, and a driver for a
    later CUDA runs those of an earlier one, so for versions without an extra the nearest is used."""
    major = OFFERED[0] if cuda is None else cuda.partition(".")[0]
    return major if major in OFFERED else OFFERED[int(major) > int(OFFERED[0])]


def _installed() -> tuple[str, ...]:
    found = []
    for name in PACKAGES:
        try:
            metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
        found.append(name)
    return tuple(found)


def _importable() -> bool:
    try:
        return util.find_spec("nvidia.dali") is not None
    except ModuleNotFoundError:  # not even the package `nvidia`
        return False


def _check() -> None:
    packages, importable = _installed(), _importable()
    if len(packages) == 1 and importable:
        return
    try:
        from torch.version import cuda
    except ModuleNotFoundError:
        cuda = None
    require_dali(packages, importable, cuda)


_check()
