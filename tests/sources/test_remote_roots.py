"""URLs of folders that are no folder of class folders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dali_mixup.pack import Options, Packing
from dali_mixup.sources import image_folder as folder_source
from dali_mixup.sources import open_source
from tests.object_store import KEYS, S3Server, environment


@pytest.mark.parametrize("data", ["memory://", "memory:///", "hf://"])
def test_a_scheme_alone_names_nothing(data: str) -> None:
    for call in (
        lambda: open_source(data),
        lambda: open_source(data, masks="memory://masks"),
    ):
        with pytest.raises(
            ValueError, match=rf"'{data[: data.index(':')]}:.*' names nothing: expected .*://<path>"
        ):
            call()
    pairs = open_source([("box/a.jpg", 0), ("box/b.jpg", 1)], root=data)
    assert pairs.remote and pairs.name(1) == f"{data[: data.index(':')]}://box/b.jpg"


@pytest.mark.parametrize("layout", ["shards", "files"])
def test_packed_data_are_given_by_their_list(
    s3: S3Server, image_folder: Path, tmp_path: Path, layout: Any
) -> None:
    Packing(open_source(image_folder), tmp_path / "packed", Options(layout=layout), workers=1).run()
    s3.make_bucket(f"box-{layout}")
    s3.put_folder(f"box-{layout}", tmp_path / "packed", "pk/")
    s3.put_folder(f"box-{layout}", image_folder, "plain/")
    with environment(**KEYS, AWS_ENDPOINT_URL=s3.endpoint):
        for slash in ("", "/"):
            with pytest.raises(ValueError, match=rf"holds packed data; .* 's3://box-{layout}/pk/pack.jsonl'"):
                open_source(f"s3://box-{layout}/pk{slash}")
        packed = open_source(f"s3://box-{layout}/pk/pack.jsonl")
        assert packed.fingerprint() == open_source(tmp_path / "packed").fingerprint()
        assert len(open_source(f"s3://box-{layout}/plain")) == 24
        if layout == "files":
            assert len(folder_source(f"s3://box-{layout}/pk")) == 24, "asked for as a folder"
