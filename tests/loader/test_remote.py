"""Loaders over remote data: the batches of local files, each object fetched once, and an end that says why."""

from __future__ import annotations

import gc
import io
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from dali_mixup import (
    BadFileError,
    CutMix,
    MixLoader,
    Runtime,
    Skip,
    View,
    train_loader,
    val_loader,
)
from dali_mixup.sources import StorageError, open_source
from dali_mixup.sources.remote import downloads, obstore_client, requests
from dali_mixup.sources.remote.shared import transfers
from tests.object_store import KEYS, WebServer, environment


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "FIRST", 0.01)
    monkeypatch.setattr(requests, "LONGEST", 0.02)


@pytest.fixture
def urls(web: WebServer, image_folder: Path) -> Iterator[list[tuple[str, int]]]:
    """The images of `image_folder` on the server with faults, as (URL, label)."""
    files = open_source(image_folder)
    for index in range(len(files)):
        web.files[f"/box/{files.key(index)}"] = files.encoded(index)
    with environment(**KEYS, AWS_ENDPOINT_URL=web.url):
        yield [(f"s3://box/{files.key(i)}", int(files.labels[i])) for i in range(len(files))]


def loader(data: Any, **changed: Any) -> MixLoader:
    given = {"policy": CutMix(), "batch_size": 4, "image_size": 16, "device": "cpu", "seed": 3}
    return train_loader(data, **{"runtime": Runtime(num_threads=1), **given, **changed})


def same(ours: list[Any], theirs: list[Any]) -> bool:
    return len(ours) == len(theirs) and all(
        torch.equal(a, b) for x, y in zip(ours, theirs, strict=True) for a, b in zip(x, y, strict=True)
    )


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "dali-mixup-fetch"]


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def local(urls: list[tuple[str, int]], folder: Path) -> list[tuple[str, int]]:
    return [(url.replace("s3://box", str(folder)), label) for url, label in urls]


@pytest.mark.parametrize("ahead", [None, 0, 1, 5])
def test_batches_are_those_of_local_files_and_nothing_is_fetched_twice(
    web: WebServer, urls: list[tuple[str, int]], image_folder: Path, ahead: int | None
) -> None:
    with loader(local(urls, image_folder)) as files:
        expected = list(files)
    runtime = Runtime(num_threads=1, read_ahead=ahead, prefetch=1)
    with loader(urls, runtime=runtime) as one:
        assert same(list(one), expected)
    until(lambda: not transfers()._admission.busy)
    if ahead == 0:  # what belongs to the next epoch alone is the batch that DALI prepares
        assert len(urls) <= sum(web.requests.values()) <= len(urls) + 4
    assert set(web.requests.values()) <= {1, 2} and not transfers()._transfers
    until(lambda: not threads())


def test_views_of_the_same_objects(web: WebServer, urls: list[tuple[str, int]], image_folder: Path) -> None:
    given = {"policy": None, "views": [View(), View(count=2)], "drop_last": False}
    with loader(local(urls, image_folder), **given) as files, loader(urls, **given) as one:
        for ours, theirs in zip(one, files, strict=True):
            assert len(ours[0]) == 3 and all(map(torch.equal, ours[0], theirs[0]))


def test_the_choice_of_read_ahead_is_logged_once(
    urls: list[tuple[str, int]], image_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", "dali_mixup"), loader(urls) as one:
        list(one)
        list(one)
    assert [record.getMessage() for record in caplog.records if "read_ahead" in record.getMessage()] == [
        "train_loader: read_ahead=64 batches, since the data are remote (at most 128 requests at a time, 512 MB ahead)"
    ]
    assert loader(image_folder).spec.read_ahead == 0
    assert loader(urls, runtime=Runtime(read_ahead=7)).spec.read_ahead == 7


@pytest.mark.parametrize("fault", [503, "reset", "truncated"])
def test_faults_that_pass_change_nothing(
    web: WebServer, urls: list[tuple[str, int]], image_folder: Path, fault: Any
) -> None:
    for path in web.files:
        web.faults[path] = [fault, fault]
    with loader(local(urls, image_folder)) as files, loader(urls) as one:
        assert same(list(one), list(files))


def test_a_missing_object_is_left_out(web: WebServer, urls: list[tuple[str, int]]) -> None:
    del web.files["/box/" + urls[5][0].removeprefix("s3://box/")]
    with loader(urls, bad_files=Skip()) as one:
        seen = []
        for _ in one:
            seen += one.last_batch.indices.tolist()
        assert one.skipped == (urls[5][0],)
    assert sorted(seen) == sorted([*(i for i in range(24) if i != 5), 6])
    with loader(urls) as one, pytest.raises(BadFileError, match=r"missing .the object does not exist"):
        list(one)


def test_an_outage_costs_no_sample(web: WebServer, urls: list[tuple[str, int]], image_folder: Path) -> None:
    with loader(local(urls, image_folder)) as files:
        expected = list(files)
    runtime = Runtime(num_threads=1, prefetch=1, read_ahead=0)
    with loader(urls, bad_files=Skip(), runtime=runtime) as one:
        iterator = iter(one)
        got = [next(iterator), next(iterator)]
        for path in web.files:
            web.faults[path] = [503] * 1000
        with pytest.raises(StorageError, match="8 attempts failed, the last with: 503"):
            for batch in iterator:
                got.append(batch)
        state = one.state_dict()
        web.faults.clear()
        assert one.skipped == ()
    with loader(urls, bad_files=Skip()) as again:
        again.load_state_dict(state)
        assert same([*got, *again], expected)


def test_denied_access_is_never_skipped(web: WebServer, urls: list[tuple[str, int]]) -> None:
    for path in web.files:
        web.faults[path] = [403] * 1000
    with (
        loader(urls, bad_files=Skip()) as one,
        pytest.raises(StorageError, match="AWS_SECRET_ACCESS_KEY"),
    ):
        list(one)


def test_an_image_that_does_not_decode_is_found_without_fetching_it_again(
    web: WebServer, urls: list[tuple[str, int]]
) -> None:
    path = "/box/" + urls[7][0].removeprefix("s3://box/")
    web.files[path] = web.files[path][: len(web.files[path]) // 2]
    runtime = Runtime(num_threads=1, prefetch=1, read_ahead=0)
    with val_loader(urls, batch_size=4, image_size=16, device="cpu", runtime=runtime) as one:
        with pytest.raises(BadFileError) as caught:
            list(one)
        assert [file.index for file in caught.value.files] == [7]
    assert web.count(path) == 1
    with loader(urls, bad_files=Skip()) as one:
        assert len(list(one)) == 6 and one.skipped == (urls[7][0],)


def test_a_state_of_local_files_continues_in_the_bucket(image_folder: Path, bucket: str) -> None:
    with loader(image_folder) as files:
        iterator = iter(files)
        first = [next(iterator), next(iterator)]
        state = files.state_dict()
        rest = list(iterator)
    assert open_source(bucket).fingerprint() == open_source(image_folder).fingerprint()
    with loader(bucket) as one:
        one.load_state_dict(state)
        assert same(list(one), rest) and len(first) + len(rest) == 6


def test_threads_and_bytes_go_with_the_loader(urls: list[tuple[str, int]]) -> None:
    one = loader(urls)
    next(iter(one))  # dropped at once
    until(lambda: not threads() and not transfers()._transfers)
    kept = iter(one)
    next(kept)
    one.close()
    until(lambda: not threads() and not transfers()._transfers and transfers()._admission.held == 0)


def test_objects_of_the_next_epoch_go_with_a_loader_that_is_dropped_after_one(
    urls: list[tuple[str, int]],
) -> None:
    one = loader(urls)
    assert len(list(one)) and transfers()._transfers
    del one
    gc.collect()
    until(lambda: not threads() and not transfers()._transfers and transfers()._admission.held == 0)


def test_a_server_that_stops_answering_is_given_up(
    web: WebServer, urls: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (obstore_client, downloads):
        monkeypatch.setattr(module, "ANSWER", 1)
    monkeypatch.setattr(requests, "ATTEMPTS", 2)
    for path in web.files:
        web.faults[path] = ["hang"] * 100
    with loader(urls, bad_files=Skip()) as one, pytest.raises(StorageError, match="2 attempts failed"):
        list(one)


CHILD = """
import os, sys
from dali_mixup import train_loader, Runtime
data = [line.split() for line in sys.argv[1].split(",")]
loader = train_loader([(url, int(label)) for url, label in data], batch_size=4, image_size=16, device="cpu")
print("begun", flush=True)
next(iter(loader))
"""


def test_ctrl_c_ends_while_the_server_hangs(web: WebServer, urls: list[tuple[str, int]]) -> None:
    for path in web.files:
        web.faults[path] = ["hang"] * 100
    data = ",".join(f"{url} {label}" for url, label in urls)
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, data], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert child.stdout is not None and child.stdout.readline() == "begun\n"
    until(lambda: sum(web.requests.values()) >= 4)
    child.send_signal(signal.SIGINT)
    _, errors = child.communicate(timeout=60)  # the requests and their repetitions would last minutes
    assert child.returncode in (1, 130, -signal.SIGINT) and "KeyboardInterrupt" in errors
    assert "Fatal" not in errors and "panicked" not in errors


def test_a_forked_child_says_what_it_cannot_do(urls: list[tuple[str, int]]) -> None:
    open_source(urls).encoded(0)
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        try:
            open_source(urls).encoded(1)
            said = "read"
        except BaseException as error:
            said = f"{type(error).__name__}: {error}"
        os.write(writer, said.encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as answer:
        said = answer.read()
    os.waitpid(child, 0)
    assert (
        said.startswith("RuntimeError: object storage was read before this process was forked")
        and "spawn" in said
    )


def test_a_forked_child_that_only_ends_disturbs_nothing(urls: list[tuple[str, int]]) -> None:
    with loader(urls) as one:
        iterator = iter(one)
        next(iterator)
        child = os.fork()
        if not child:
            one.close()
            os._exit(0)
        assert os.waitpid(child, 0)[1] == 0
        assert len(list(iterator)) == 5


def test_a_loader_first_made_in_a_forked_child_works(urls: list[tuple[str, int]]) -> None:
    code = (
        "import os, sys\nfrom dali_mixup.sources import open_source\n"
        "child = os.fork()\n"
        "if not child:\n    print(len(open_source([(sys.argv[1], 0)]).encoded(0)), flush=True)\n    os._exit(0)\n"
        "sys.exit(os.waitpid(child, 0)[1])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, urls[0][0]], capture_output=True, text=True, timeout=60, check=True
    )
    with Image.open(io.BytesIO(open_source(urls).encoded(0))) as image:
        assert image.format == "JPEG"
    assert int(done.stdout) == len(open_source(urls).encoded(0))
