"""Objects of S3 through one thread: bit by bit what its client gives, which is asked for whatever else comes."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

pytest.importorskip("pycurl")

from dali_mixup.sources.base import Place
from dali_mixup.sources.reading import TooLongError
from dali_mixup.sources.remote import downloads, many, requests
from dali_mixup.sources.remote.failures import NotOfferedError
from dali_mixup.sources.remote.quick import MOST_IN_VAIN, Quick
from dali_mixup.sources.remote.transfers import Transfers
from tests.object_store import ODD_NAMES, WebServer, environment
from tests.sources.boxes import NAMES, box, got, never, places


@pytest.fixture
def web() -> Iterator[WebServer]:
    with box() as server:
        yield server


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    until(lambda: not threads())  # those of other files' tests, which wait for servers that do not answer
    monkeypatch.setattr(requests, "FIRST", 0.01)


def threads() -> int:
    return sum(thread.name == "dali-mixup-fetch" for thread in threading.enumerate())


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_one_thread_gets_them_all_once(web: WebServer) -> None:
    pool = Transfers(never, quick=Quick())
    pool.open()
    for _ in range(2):
        web.requests.clear()
        assert got(pool, *NAMES, *ODD_NAMES, "empty.jpg") == list(web.files.values())
        assert set(web.requests.values()) == {1} and threads() == 1
        assert {part.state for part in pool.fetch(places("3.jpg", "3.jpg"))} == {(1 + 997 * 3, 0)}
    pool.close()
    until(lambda: not threads())
    assert pool._admission.held == pool._admission.busy == 0 and not pool._transfers
    assert got(pool, "5.jpg") == [web.files["/box/5.jpg"]]


def test_no_more_requests_at_a_time_than_connections(web: WebServer) -> None:
    web.latency = 0.02
    pool = Transfers(connections=4, quick=Quick())
    most, done = 0, threading.Event()

    def watch() -> None:
        nonlocal most
        while not done.is_set():
            most = max(most, pool._admission.busy)

    watching = threading.Thread(target=watch)
    watching.start()
    assert got(pool, *NAMES) == [web.files[f"/box/{name}"] for name in NAMES]
    done.set()
    watching.join()
    assert most == 4


def test_without_libcurl_every_object_has_a_thread(web: WebServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pycurl", None)
    pool = Transfers(quick=Quick())
    assert got(pool, *NAMES) == [web.files[f"/box/{name}"] for name in NAMES]
    assert pool._wakeup is None


@pytest.mark.parametrize("fault", ["reset", "truncated", "wrong length", 301, 403, 404, 500, 503])
def test_what_is_not_usual_is_asked_for_again(web: WebServer, fault: str | int) -> None:
    for name in NAMES[::10]:
        web.faults[f"/box/{name}"] = [fault]
    pool = Transfers(quick=Quick())
    assert got(pool, *NAMES) == [web.files[f"/box/{name}"] for name in NAMES]
    assert [web.count(f"/box/{name}") for name in NAMES[:11]] == [2, *[1] * 9, 2]
    assert pool._admission.held == pool._admission.busy == 0


def test_a_server_that_does_not_answer(web: WebServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(downloads, "ANSWER", 1)
    web.faults["/box/1.jpg"] = ["hang"]
    assert got(Transfers(quick=Quick()), *NAMES) == [web.files[f"/box/{name}"] for name in NAMES]


def test_errors_are_those_of_the_client(web: WebServer, monkeypatch: pytest.MonkeyPatch) -> None:
    pool = Transfers(quick=Quick())
    with pytest.raises(FileNotFoundError, match="does not exist"):
        got(pool, "1.jpg", "none.jpg")
    for module in (many, requests):
        monkeypatch.setattr(module, "MOST", 2000)
    with pytest.raises(TooLongError, match="at most 2000"):
        got(Transfers(quick=Quick()), "1.jpg", "30.jpg")
    web.lengths = False
    with pytest.raises(NotOfferedError, match="does not say how many bytes"):
        got(Transfers(quick=Quick()), "1.jpg", "2.jpg")


def test_a_bucket_where_it_is_in_vain_is_left_to_the_client(
    web: WebServer, caplog: pytest.LogCaptureFixture
) -> None:
    """As one whose policy refuses signed addresses."""
    pool = Transfers(quick=Quick())
    pool.open()
    for name in NAMES[: MOST_IN_VAIN - 1]:
        web.faults[f"/box/{name}"] = [403]
        got(pool, name)
    got(pool, "30.jpg")  # which is had, so the count begins anew
    with caplog.at_level("INFO", "dali_mixup"):
        for name in NAMES[:MOST_IN_VAIN]:
            web.faults[f"/box/{name}"] = [403]
            assert not caplog.records
            got(pool, name)
            until(lambda: not pool._admission.busy)
        until(lambda: caplog.records)
    assert [record.getMessage().partition(":")[0] for record in caplog.records] == ["s3"]
    assert "a thread of its own" in caplog.text
    web.requests.clear()
    web.faults["/box/20.jpg"] = [403]
    with pytest.raises(OSError, match="access is denied"):
        got(pool, "20.jpg")
    assert web.count("/box/20.jpg") == 1
    pool.close()


def test_a_public_bucket_has_no_signed_addresses(web: WebServer) -> None:
    with environment(AWS_SKIP_SIGNATURE="true", AWS_REGION="us-east-1", AWS_ENDPOINT_URL=web.url):
        assert Quick().address(places("1.jpg")[0]) is None
        assert got(Transfers(quick=Quick()), *NAMES) == [web.files[f"/box/{name}"] for name in NAMES]
    assert set(web.requests.values()) == {1}


def test_many_failures_at_once_do_not_last(web: WebServer) -> None:
    """As of a service that throttles."""
    quick = Quick()
    for name in NAMES[:16]:
        web.faults[f"/box/{name}"] = [503]
    assert got(Transfers(quick=quick), *NAMES) == [web.files[f"/box/{name}"] for name in NAMES]
    assert quick.gets(places("1.jpg")[0])


def test_a_name_that_cannot_be_addressed_is_its_clients_affair(web: WebServer) -> None:
    pool = Transfers(quick=Quick())
    for bad in (b"s3://b*d/5.jpg", b"s3:///x.jpg"):
        wanted: list[Place] = [*places("1.jpg"), (bad, 0, None), *places("2.jpg")]
        pool.want(wanted, soon=False)
        with pytest.raises((ValueError, OSError)):
            pool.fetch(wanted)
        pool.release(wanted)
        assert not pool._transfers
        until(lambda: not pool._admission.busy)


def test_others_are_fetched_beside_them(web: WebServer) -> None:
    """Those ahead of need begin when a request of either kind has ended, and no kind waits for all of the other."""
    web.latency = 0.02
    pool = Transfers(quick=Quick(), fewest=16)
    pool.open()
    addresses = [f"{root}/{i}.jpg" for i in range(40) for root in ("s3://box", f"{web.url}/box")]
    wanted: list[Place] = [(address.encode(), 0, None) for address in addresses]
    pool.want(wanted, soon=False)

    def done(scheme: bytes) -> int:
        return sum(pool._transfers[place].done for place in wanted if place[0].startswith(scheme))

    until(lambda: done(b"s3") >= 30)
    assert done(b"http") >= 5
    until(lambda: done(b"s3") == done(b"http") == 40)
    pool.release(wanted)
    pool.close()


def test_without_descriptors_every_object_has_a_thread(
    web: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(flags: int) -> tuple[int, int]:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(os, "pipe2", none)
    assert got(Transfers(quick=Quick()), *NAMES) == [web.files[f"/box/{name}"] for name in NAMES]


@pytest.mark.parametrize("method", ["__init__", "begin", "wait", "_answer", "_collect_one"])
def test_nobody_waits_for_a_thread_that_failed(
    web: WebServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, method: str
) -> None:
    calls, whole = [], getattr(downloads.Downloads, method)

    def failing(*given: Any) -> Any:
        calls.append(method)
        if method == "__init__" or len(calls) == 5:
            raise RuntimeError("libcurl is not itself")
        return whole(*given)

    monkeypatch.setattr(downloads.Downloads, method, failing)
    pool = Transfers(quick=Quick())
    with caplog.at_level("INFO", "dali_mixup"):
        assert got(pool, *NAMES) == [web.files[f"/box/{name}"] for name in NAMES]
    assert "libcurl is not itself" in caplog.text
    assert got(pool, *NAMES) == [web.files[f"/box/{name}"] for name in NAMES]
    assert pool._admission.held == pool._admission.busy == 0 and not pool._transfers
    until(lambda: not threads())


def test_parts_of_objects_are_the_clients(web: WebServer) -> None:
    wanted: list[Place] = [(b"s3://box/9.jpg", 10 * i, 10) for i in range(20)]
    content = web.files["/box/9.jpg"]
    parts = Transfers(quick=Quick()).fetch(wanted)
    assert [bytes(part.content) for part in parts] == [content[10 * i : 10 * i + 10] for i in range(20)]
    assert all(asked for _, asked in web.requests) and all(part.state[1] for part in parts)


def test_a_process_ends_in_the_middle(web: WebServer) -> None:
    web.latency = 0.05
    script = """
from dali_mixup.sources.remote.shared import transfers
pool = transfers()
pool.open()
pool.want([(f"s3://box/{i}.jpg".encode(), 0, None) for i in range(40)] * 3, soon=False)
print(len(pool.fetch([(b"s3://box/0.jpg", 0, None), (b"s3://box/1.jpg", 0, None)])))
"""
    for _ in range(5):
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stdout, done.stderr) == (0, "2\n", "")
