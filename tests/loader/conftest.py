from __future__ import annotations

from pathlib import Path

import pytest

from tests.loader.pictures import Files, maps_of_places, one_coloured
from tests.masks import COUNT, make_pairs


@pytest.fixture(scope="package")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Files, Files]:
    """(12 labelled images of red 20 i, 7 unlabelled ones of green 30 i + 10)."""
    return one_coloured(tmp_path_factory.mktemp("colours"))


@pytest.fixture(scope="package")
def gradients(tmp_path_factory: pytest.TempPathFactory) -> Files:
    """8 pictures whose red is the column and whose green is the row, so a pixel tells where it comes from."""
    return maps_of_places(tmp_path_factory.mktemp("gradients"))


@pytest.fixture(scope="package")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """(images, masks)."""
    return make_pairs(tmp_path_factory.mktemp("pairs"), COUNT)
