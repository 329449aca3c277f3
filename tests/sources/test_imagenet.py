"""ImageNet from the official archives: the samples, labels and order of torchvision, which unpacks them."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import shutil
import sys
import tarfile
from pathlib import Path

import pytest
from PIL import Image
from torchvision.datasets import ImageFolder, imagenet

from dali_mixup import open_source
from dali_mixup.check import Report, scan
from dali_mixup.sources.archives import imagenet as ours
from tests.imagenet_archives import TRUTH, WNIDS, write_archives, write_devkit
from tests.tars import write_tar

TRAIN, VAL, DEVKIT = ours.TRAIN, ours.VAL, ours.DEVKIT


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    folder = tmp_path_factory.mktemp("archives")
    return folder, write_archives(folder)


@pytest.fixture
def archives(original: tuple[Path, dict[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The miniature archives, with their MD5 in the place of the official ones, here and in torchvision."""
    folder, md5 = original
    shutil.copytree(folder, tmp_path / "archives")
    monkeypatch.setattr(ours, "MD5", md5)
    meta = {key: (name, md5[name]) for key, name in (("train", TRAIN), ("val", VAL), ("devkit", DEVKIT))}
    monkeypatch.setattr(imagenet, "ARCHIVE_META", meta)
    return tmp_path / "archives"


def test_the_official_checksums_are_torchvisions() -> None:
    assert dict(imagenet.ARCHIVE_META.values()) == ours.MD5


def test_training_images_are_those_that_torchvision_unpacks(archives: Path) -> None:
    source = open_source(archives / TRAIN)
    imagenet.parse_train_archive(str(archives))
    folder = open_source(archives / "train")
    assert source.fingerprint() == folder.fingerprint()
    assert source.classes == tuple(sorted(WNIDS)) and len(source) == 9
    for index in range(len(source)):
        assert source.encoded(index) == folder.encoded(index)


def test_validation_images_have_torchvisions_classes(archives: Path) -> None:
    source = open_source(archives / VAL)
    imagenet.parse_devkit_archive(str(archives))
    imagenet.parse_val_archive(str(archives))
    folder = open_source(archives / "val")
    assert source.fingerprint() == folder.fingerprint() and len(source) == len(TRUTH)
    assert source.targets == ImageFolder(archives / "val").targets
    for index in range(len(source)):
        assert source.encoded(index) == folder.encoded(index)
    wnids = imagenet.load_meta_file(str(archives))[1]
    by_file = {source.key(i).rpartition("/")[2]: source.classes[source.labels[i]] for i in range(len(source))}
    assert [by_file[name] for name in sorted(by_file)] == wnids


def test_the_png_and_the_cmyk_image_are_images(archives: Path) -> None:
    source = open_source(archives / TRAIN)
    kinds = {source.key(i): Image.open(io.BytesIO(source.encoded(i))) for i in range(len(source))}
    assert kinds["n02105855/n02105855_2933.JPEG"].format == "PNG"
    assert kinds["n01440764/n01440764_9.JPEG"].mode == "CMYK"
    assert Report.of(source, scan(source, threads=1)).fit


def test_the_archive_is_indexed_once(archives: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = open_source(archives / TRAIN).fingerprint()
    monkeypatch.setattr("dali_mixup.sources.archives.imagenet.members", None)
    assert open_source(archives / TRAIN).fingerprint() == first


def test_a_relative_path_is_found_from_anywhere(archives: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(archives)
    source = open_source(TRAIN)
    monkeypatch.chdir("/")
    assert source.encoded(0)[:2] == b"\xff\xd8"


def test_another_devkit_is_remarked_on(
    archives: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(ours, "MD5", {**ours.MD5, DEVKIT: "0" * 32})
    open_source(archives / VAL)
    assert "is not the official devkit" in caplog.text


def test_md5_of_archives(archives: Path) -> None:
    assert [*ours.md5_differences(str(archives / TRAIN)), *ours.md5_differences(str(archives / VAL))] == []
    with open(archives / VAL, "ab") as file:
        file.write(b"\0")
    (wrong,) = ours.md5_differences(str(archives / VAL))
    assert wrong.startswith(f"the MD5 of {VAL} is") and "download it again" in wrong


def test_the_devkit_is_needed_and_named(archives: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (archives / DEVKIT).unlink()
    with pytest.raises(FileNotFoundError, match=DEVKIT):
        open_source(archives / VAL)
    write_devkit(archives / DEVKIT)
    monkeypatch.setitem(sys.modules, "scipy.io", None)
    with pytest.raises(ImportError, match=r"dali-mixup\[imagenet\]"):
        open_source(archives / VAL)


def test_damaged_archives_are_named(archives: Path) -> None:
    whole = (archives / TRAIN).read_bytes()
    (archives / TRAIN).write_bytes(whole[:512] + b"x" * 512 + whole[1024:])
    with pytest.raises(
        ValueError,
        match=r"img_train.tar' cannot be read as a tar that holds the tar 'n02119789.tar'.*offset 512",
    ):
        open_source(archives / TRAIN)
    (archives / DEVKIT).write_bytes(b"nothing")
    with pytest.raises(ValueError, match="is not the devkit"):
        open_source(archives / VAL)


def refuse_the_devkit(archives: Path, content: bytes) -> None:
    (archives / DEVKIT).write_bytes(content)
    with pytest.raises(ValueError, match=rf"{DEVKIT}' is not the devkit of ILSVRC 2012: "):
        open_source(archives / VAL)


def test_a_devkit_that_was_cut_short_or_damaged_is_named(archives: Path) -> None:
    whole = (archives / DEVKIT).read_bytes()
    for size in (0, 1, 15, 100, 400, len(whole) * 2 // 3):  # padding is at the end
        refuse_the_devkit(archives, whole[:size])
    compressed = whole.index(b"\0", 10) + 1  # the header of gzip ends with the file's name
    for place in (2, compressed, compressed + 1):
        refuse_the_devkit(archives, whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
    for other in (bz2, lzma):
        refuse_the_devkit(archives, other.compress(gzip.decompress(whole))[:400])


def test_so_is_one_whose_matlab_file_is_damaged(archives: Path) -> None:
    with tarfile.open(archives / DEVKIT) as tar:
        files = {member.name: tar.extractfile(member).read() for member in tar}
    (meta,) = (name for name in files if name.endswith("meta.mat"))
    whole = files[meta]
    for size in (0, 50, 127, 128, 140, len(whole) // 2):
        write_tar(archives / "cut.tar", {**files, meta: whole[:size]}.items())
        refuse_the_devkit(archives, (archives / "cut.tar").read_bytes())


def test_a_folder_in_the_place_of_the_devkit_is_named(archives: Path) -> None:
    (archives / DEVKIT).unlink()
    (archives / DEVKIT).mkdir()
    with pytest.raises(ValueError, match=rf"{DEVKIT}' is not a regular file but a folder"):
        open_source(archives / VAL)
    with pytest.raises(ValueError, match=rf"{DEVKIT}' is not a regular file but a folder"):
        list(ours.md5_differences(str(archives / VAL)))


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ([("a.jpg", b"")], "holds no archives of classes"),
        ([("n01440764.tar", bytes(1024))], "'n01440764.tar' holds no image"),
        (
            [("n01440764.tar", bytes(1024)), ("a/n01440764.tar", bytes(1024))],
            "two archives of one class, 'n01440764.tar' and 'a/n01440764.tar': download",
        ),
    ],
)
def test_other_contents_are_refused(members: list[tuple[str, bytes]], words: str, tmp_path: Path) -> None:
    write_tar(tmp_path / TRAIN, members)
    with pytest.raises(ValueError, match=words):
        open_source(tmp_path / TRAIN)


def test_an_image_that_comes_twice_is_refused(archives: Path, tmp_path: Path) -> None:
    twice = [("ILSVRC2012_val_00000001.JPEG", b"x"), ("./ILSVRC2012_val_00000001.JPEG", b"y")]
    write_tar(archives / VAL, twice)
    write_tar(archives / TRAIN, [("n01440764.tar", write_tar(tmp_path / "c.tar", twice).read_bytes())])
    for archive in (TRAIN, VAL):
        with pytest.raises(
            ValueError, match=rf"{archive}' holds two images of the name 'ILSVRC2012_val_00000001"
        ):
            open_source(archives / archive)


def test_missing_validation_images_are_noticed(archives: Path) -> None:
    write_tar(archives / VAL, [("ILSVRC2012_val_00000001.JPEG", b"x")])
    with pytest.raises(ValueError, match=r"holds 1 images, but the devkit has 5 labels"):
        open_source(archives / VAL)
