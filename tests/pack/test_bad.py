"""Files that cannot be packed are named; without leave to skip them no work is lost."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from dali_mixup import open_source
from dali_mixup._graph.child import ChildError
from dali_mixup._graph.trial import Trial
from dali_mixup.pack import Options, PackingError, shard, verify
from dali_mixup.pack.shard import Sample
from tests.bad_images import contents
from tests.pack.conftest import bytes_of, run

BAD = {
    "n01440764/n01440764_1.JPEG": b"",
    "n01443537/n01443537_2.JPEG": contents()["jpeg_half"],
    "n01491361/n01491361_5.JPEG": contents()["web_page"],
}


@pytest.fixture
def data(image_folder: Path, tmp_path: Path) -> Path:
    shutil.copytree(image_folder, tmp_path / "data")
    for key, content in BAD.items():
        (tmp_path / "data" / key).write_bytes(content)
    return tmp_path / "data"


def test_all_bad_files_are_named_and_the_good_shards_kept(
    data: Path, image_folder: Path, tmp_path: Path
) -> None:
    tally = run(data, tmp_path / "packed", per_shard=3)
    assert {key for key, _ in tally.bad} == set(BAD)
    problems = dict(tally.bad)
    assert "empty" in problems["n01440764/n01440764_1.JPEG"]
    assert "truncated" in problems["n01443537/n01443537_2.JPEG"]
    assert "not an image" in problems["n01491361/n01491361_5.JPEG"]
    assert not tally.complete and 5 <= tally.finished == len(list((tmp_path / "packed").glob("*.tar"))) < 8
    kept = bytes_of(tmp_path / "packed")
    for key in BAD:  # repaired
        shutil.copy(image_folder / key, data / key)
    assert run(data, tmp_path / "packed", per_shard=3).complete
    assert all(bytes_of(tmp_path / "packed")[name] == kept[name] for name in kept if name.endswith(".tar"))
    assert len(open_source(tmp_path / "packed")) == 24


def test_left_out_they_are_listed(data: Path, tmp_path: Path) -> None:
    run(data, tmp_path / "packed", per_shard=3)
    tally = run(data, tmp_path / "packed", per_shard=3, skip_bad=True)
    assert tally.complete and tally.samples == 21 and {key for key, _ in tally.bad} == set(BAD)
    assert run(data, tmp_path / "packed", per_shard=3).bad == tally.bad, "still known later"
    assert verify(tmp_path / "packed") == []
    good = open_source(data, exclude=BAD)
    copy = open_source(tmp_path / "packed")
    assert sorted(copy.filenames()) == sorted(good.filenames())


def test_the_names_in_the_shards_do_not_depend_on_bad_files(
    data: Path, image_folder: Path, tmp_path: Path
) -> None:
    run(data, tmp_path / "some", skip_bad=True)
    run(image_folder, tmp_path / "all")
    some, every = (open_source(tmp_path / name) for name in ("some", "all"))
    assert some.filenames() == [key for key in every.filenames() if key not in BAD]


@pytest.mark.parametrize(
    "error", [MemoryError(), ChildError("no process"), OSError(12, "Cannot allocate memory")]
)
def test_a_file_that_could_not_be_tried_is_not_left_out(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(shard, "packed_image", fail)
    with pytest.raises(PackingError, match=r"'a/b\.jpg'.*Finished shards are kept"):
        shard._image(Sample("a/b.jpg", 0, "a", b"?"), Options(), Trial(threads=1))


def test_nothing_but_bad_files(tmp_path: Path) -> None:
    (tmp_path / "data" / "c").mkdir(parents=True)
    (tmp_path / "data" / "c" / "a.jpg").write_bytes(b"no image")
    tally = run(tmp_path / "data", tmp_path / "packed", skip_bad=True)
    assert tally.complete and tally.samples == 0
    with pytest.raises(ValueError, match="no samples"):
        open_source(tmp_path / "packed")
