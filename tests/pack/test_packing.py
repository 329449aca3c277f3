"""What packed shards hold: every sample once, readable by the loaders and by others."""

from __future__ import annotations

import io
import json
import tarfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import webdataset
from PIL import Image

from dali_mixup import open_source, train_loader, val_loader
from dali_mixup.pack import Options, Packing, Part, merge, verify
from dali_mixup.sources import FileList, Source, TarShards, write_exclude_list
from tests.odd_images import DAMAGED, SILENT, SOUND, make_odd_images
from tests.pack.conftest import bytes_of, run
from tests.tars import contents, pair, write_tar

Packed = Callable[..., Path]


def by_key(source: Source) -> dict[str, tuple[int, bytes]]:
    return {source.key(i): (int(source.labels[i]), source.encoded(i)) for i in range(len(source))}


def test_every_sample_is_there_once_with_its_bytes_key_and_label(image_folder: Path, packed: Packed) -> None:
    original, copy = open_source(image_folder), open_source(packed())
    assert by_key(copy) == by_key(original) and len(copy) == len(original) == 24
    assert copy.classes == original.classes and copy.classes_named


def test_webdataset_reads_the_shards(image_folder: Path, packed: Packed) -> None:
    folder = packed(shorter_side=64)
    urls = sorted(map(str, folder.glob("shard-*.tar")))
    assert len(urls) == 5
    data = (
        webdataset.WebDataset(urls, shardshuffle=False, empty_check=False)
        .decode("pil")
        .to_tuple("jpg", "cls")
    )
    ours = open_source(folder)
    theirs = list(data)
    assert [label for _, label in theirs] == ours.labels.tolist()
    for index, (image, _) in enumerate(theirs):
        assert np.array_equal(np.asarray(image), np.asarray(ours[index][0])) and min(image.size) == 64


def test_the_shards_are_ordinary_shards_too(packed: Packed) -> None:
    folder = packed()
    shards, listed = TarShards(sorted(map(str, folder.glob("*.tar")))), open_source(folder)
    assert contents(shards) == contents(listed) and shards.labels.tolist() == listed.labels.tolist()
    for path in folder.glob("*.tar"):
        with tarfile.open(path) as tar:  # whole: tarfile finds the end of the archive
            assert len(tar.getnames()) in (8, 10)


def test_the_order_is_shuffled_over_all_shards(packed: Packed) -> None:
    labels = open_source(packed()).labels
    first = open_source(packed("again", seed=1))
    assert len(set(labels[:5].tolist())) > 1, "the folder has six of a class in a row"
    assert labels.tolist() != first.labels.tolist()


def test_opening_reads_no_shard(packed: Packed, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = packed()
    monkeypatch.setattr("dali_mixup.sources.archives.tar_index.scanned", None)
    monkeypatch.setattr("os.pread", None)
    assert len(open_source(folder)) == len(open_source(folder / "pack.jsonl")) == 24


def test_the_loaders_take_it(image_folder: Path, packed: Packed) -> None:
    folder = packed(shorter_side=64)
    with train_loader(folder, batch_size=8, image_size=32, device="cpu") as loader:
        assert len(list(loader)) == 3 and loader.classes == open_source(image_folder).classes
    with val_loader(image_folder, classes=open_source(folder), batch_size=8, image_size=32) as loader:
        assert sum(len(images) for images, _ in loader) == 24


def test_exclude_lists_of_the_original_data_stay_valid(packed: Packed, tmp_path: Path) -> None:
    write_exclude_list(tmp_path / "unfit.jsonl", [("n01443537/n01443537_3.JPEG", "truncated")])
    rest = open_source(packed(), exclude=tmp_path / "unfit.jsonl")
    assert len(rest) == 23 and "n01443537/n01443537_3.JPEG" not in by_key(rest)


def test_a_moved_folder_opens_as_before(packed: Packed, tmp_path: Path) -> None:
    folder = packed()
    before = open_source(folder).fingerprint()
    folder.rename(tmp_path / "elsewhere")
    assert open_source(tmp_path / "elsewhere").fingerprint() == before


def test_the_number_of_processes_changes_nothing(image_folder: Path, packed: Packed, tmp_path: Path) -> None:
    folder = packed(shorter_side=50)
    Packing(open_source(image_folder), tmp_path / "one", Options(50, per_shard=5), workers=1).run()
    assert bytes_of(tmp_path / "one") == bytes_of(folder)


def test_packing_again_changes_nothing(image_folder: Path, packed: Packed) -> None:
    folder = packed()
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    tally = run(image_folder, folder)
    assert tally.complete and tally.samples == 24 and tally.finished == tally.shards == 5
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before


def test_only_larger_images_are_resized(image_folder: Path, packed: Packed) -> None:
    original, copy = by_key(open_source(image_folder)), by_key(open_source(packed(shorter_side=100)))
    kept = 0
    for key, (_, content) in original.items():
        size, after = (Image.open(io.BytesIO(each)).size for each in (content, copy[key][1]))
        if min(size) <= 100:
            assert copy[key][1] == content
            kept += 1
        else:
            assert min(after) == 100 < min(size)
    assert 0 < kept < 24


def test_shards_can_be_packed(packed: Packed, tmp_path: Path) -> None:
    """Of data without class names: the numbers stay numbers."""
    shards = [str(path) for path in packed().glob("*.tar")]
    run(shards, tmp_path / "again")
    first, second = open_source(shards), open_source(tmp_path / "again")
    assert by_key(first) == by_key(second) and not second.classes_named
    named = second.with_classes(["a", "b", "c", "d"])
    assert named.classes == ("a", "b", "c", "d") and named.labels.tolist() == second.labels.tolist()


def test_members_are_named_by_what_they_are_not_by_the_file(tmp_path: Path) -> None:
    make_odd_images(tmp_path / "odd")
    paths = [name for name in SOUND if name not in ("20000x1.jpg", "1x20000.png")]
    source = FileList(paths, [0] * len(paths), ["c"], root=tmp_path / "odd")
    run(source, tmp_path / "packed", per_shard=100)
    fields = json.loads((tmp_path / "packed" / "pack.jsonl").read_text().splitlines()[1])
    endings = {
        key: member.rpartition(".")[2] for key, member in zip(fields["keys"], fields["members"], strict=True)
    }
    assert (
        endings["png_named.JPEG"] == "png"
        and endings["cmyk.jpg"] == "jpg"
        and endings["jpeg2000.jp2"] == "jp2"
    )
    assert by_key(open_source(tmp_path / "packed")) == by_key(source)


def test_repeated_samples_stay_repeated(image_folder: Path, tmp_path: Path) -> None:
    source = open_source(image_folder)
    twice = [(source.name(i), int(source.labels[i])) for i in (0, 0, 7)]
    run(twice, tmp_path / "packed")
    assert Counter(open_source(tmp_path / "packed").labels.tolist()) == {0: 2, 1: 1}


@pytest.mark.parametrize("per_shard", [1, 7, 24, 1000])
def test_shards_differ_by_at_most_one_sample(packed: Packed, per_shard: int) -> None:
    lines = (packed(per_shard=per_shard) / "pack.jsonl").read_text().splitlines()[1:]
    counts = [len(json.loads(line)["keys"]) for line in lines]
    assert sum(counts) == 24 and max(counts) <= per_shard and max(counts) - min(counts) <= 1


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ({"shorter_side": 0}, "shorter_side=0"),
        ({"quality": 101}, "quality=101"),
        ({"subsampling": "4:1:1"}, "expected one of '4:2:0'"),
        ({"layout": "zip"}, "expected one of 'shards', 'files'"),
        ({"per_shard": 0}, "per_shard=0"),
        ({"seed": -1}, "seed=-1"),
        ({"max_pixels": 0}, "max_pixels=0"),
    ],
)
def test_impossible_options_are_refused(given: dict[str, object], error: str) -> None:
    with pytest.raises(ValueError, match=error):
        Options(**given)


@pytest.mark.parametrize("text", ["3", "3/", "/3", "3/3", "-1/3", "a/b", "1.0/2", "0/0"])
def test_impossible_parts_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"part|parts"):
        Part.parse(text)


def test_another_folder_is_not_written_to(image_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(ValueError, match=r"not empty: it holds 'thesis.tex'"):
        run(image_folder, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_odd_images_are_packed_or_named(tmp_path: Path) -> None:
    make_odd_images(tmp_path / "data" / "odd")
    source = open_source(tmp_path / "data")
    tally = run(tmp_path / "data", tmp_path / "packed", skip_bad=True, shorter_side=20)
    copy = open_source(tmp_path / "packed")
    bad = {key.removeprefix("odd/") for key, _ in tally.bad}
    assert bad <= set(DAMAGED) and len(bad) + len(copy) == len(source)
    assert {f"odd/{name}" for name in (*SOUND, SILENT)} <= set(by_key(copy))


def test_keys_of_a_tar_hold_its_name(tmp_path: Path) -> None:
    image = io.BytesIO()
    Image.new("RGB", (9, 9)).save(image, "PNG")
    files = [(name, image.getvalue() if name.endswith("jpg") else content) for name, content in pair(3)]
    write_tar(tmp_path / "a.tar", files)
    run(str(tmp_path / "a.tar"), tmp_path / "packed")
    assert by_key(open_source(tmp_path / "packed")) == {"a.tar/s/0003.jpg": (3, image.getvalue())}


def test_options_of_numpy_and_folders_as_text(image_folder: Path, tmp_path: Path) -> None:
    options = Options(
        per_shard=np.int64(12), seed=np.uint8(3), quality=np.int16(80), shorter_side=np.int32(40)
    )
    assert {type(getattr(options, name)) for name in ("per_shard", "seed", "quality", "shorter_side")} == {
        int
    }
    for part in (Part(np.int64(0), np.int64(2)), Part(1, 2)):
        Packing(open_source(image_folder), str(tmp_path / "packed"), options, part=part, workers=1).run()
    merge(str(tmp_path / "packed"))
    assert verify(str(tmp_path / "packed"), workers=1) == []


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"source": "images"}, "source='images', expected a source, as open_source"),
        ({"options": "x"}, "options='x', expected Options"),
        ({"part": 3}, "part=3, expected Part"),
        ({"skip_bad": 1}, "skip_bad=1 .* True or False"),
        ({"workers": 10**9}, "workers=1000000000, .* <= 1024"),
        ({"folder": ""}, "the folder to write is an empty path"),
        ({"folder": 3}, "a path must be str"),
    ],
)
def test_what_cannot_be_packed_is_refused_before_anything_is_written(
    image_folder: Path, tmp_path: Path, given: dict[str, Any], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises((TypeError, ValueError), match=message):
        Packing(**{"source": open_source(image_folder), "folder": tmp_path / "packed", **given})
    assert not list(tmp_path.iterdir())
