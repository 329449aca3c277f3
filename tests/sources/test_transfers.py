"""The pool that fetches places: each once, held as long as somebody needs it, and never more bytes than allowed."""

from __future__ import annotations

import gc
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from types import FrameType

import pytest

from dali_mixup.sources.base import Place
from dali_mixup.sources.remote.client import Part
from dali_mixup.sources.remote.quick import Quick
from dali_mixup.sources.remote.requests import AbandonedError
from dali_mixup.sources.remote.transfers import Transfers


class Server:
    """Answers requests; those for a name in `held` only when it is let go."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.held: dict[str, threading.Event] = {}
        self.missing: set[str] = set()
        self.now = self.most = 0
        self.lock = threading.Lock()
        self.size = 100

    def __call__(self, url: str, start: int, size: int | None, abandoned: Callable[[], bool]) -> Part:
        with self.lock:
            self.asked[url] += 1
            self.now += 1
            self.most = max(self.most, self.now)
        try:
            while url in self.held and not self.held[url].wait(0.01):
                if abandoned():
                    raise AbandonedError
            if url in self.missing:
                raise FileNotFoundError(2, "the object does not exist", url)
            return Part(url.encode().ljust(self.size if size is None else size), (self.size, 1))
        finally:
            with self.lock:
                self.now -= 1


def places(*names: object, size: int | None = None) -> list[Place]:
    return [(f"s3://b/{name}".encode(), 0, size) for name in names]


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def threads() -> int:
    return sum(thread.name == "dali-mixup-fetch" for thread in threading.enumerate())


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def pool(server: Server) -> Transfers:
    return Transfers(server, connections=4, fewest=4, most_bytes=1000)


def names(parts: list[Part]) -> list[str]:
    return [bytes(part.content).decode().strip().removeprefix("s3://b/") for part in parts]


def test_each_place_is_requested_once_and_held_until_released(server: Server, pool: Transfers) -> None:
    wanted = places(*range(6))
    pool.want([*wanted, wanted[2]], soon=True)
    for _ in range(3):
        assert names(pool.fetch(wanted[::-1])) == ["5", "4", "3", "2", "1", "0"]
    assert set(server.asked.values()) == {1}
    pool.release(wanted)
    assert names(pool.fetch([wanted[2]])) == ["2"] and server.asked["s3://b/2"] == 1  # wanted twice
    pool.release([wanted[2]])
    assert names(pool.fetch([wanted[2], wanted[3]])) == ["2", "3"] and server.asked["s3://b/2"] == 2
    until(lambda: not threads())


def test_no_more_requests_at_a_time_than_connections(server: Server, pool: Transfers) -> None:
    server.held = {f"s3://b/{i}": threading.Event() for i in range(20)}
    done: list[list[Part]] = []
    waiting = threading.Thread(target=lambda: done.append(pool.fetch(places(*range(20)))))
    waiting.start()
    until(lambda: server.now == 4)
    time.sleep(0.05)
    for event in server.held.values():
        event.set()
    waiting.join(20)
    assert server.most == 4 and names(done[0]) == [str(i) for i in range(20)]


def test_bytes_that_nobody_waits_for_are_limited(server: Server, pool: Transfers) -> None:
    pool.open()
    pool.want(places(*range(100), size=100), soon=False)
    until(lambda: sum(server.asked.values()) == 10)
    time.sleep(0.1)
    assert sum(server.asked.values()) == 10  # 1000 bytes
    assert names(pool.fetch(places(70, size=100))) == ["70"]  # waited for: at once
    pool.release(places(*range(5), size=100))
    until(lambda: sum(server.asked.values()) >= 14)
    pool.release(places(*range(5, 100), size=100))
    until(lambda: not server.now)
    assert pool._admission.held == 0 and not pool._transfers
    pool.close()
    until(lambda: not threads())


def test_sizes_that_are_not_known_are_expected_to_be_as_before(server: Server, pool: Transfers) -> None:
    server.size = 400
    pool.open()
    pool.want(places(*range(40)), soon=False)
    until(lambda: not server.now and sum(server.asked.values()) >= 2)
    time.sleep(0.1)
    assert sum(server.asked.values()) <= 4 + 2  # those begun before the first size was known
    pool.release(places(*range(40)))
    pool.close()


def test_requests_ahead_of_need_grow_in_number_while_somebody_waits(server: Server) -> None:
    pool = Transfers(server, connections=8, fewest=2)
    pool.open()
    server.held = {f"s3://b/{i}": threading.Event() for i in range(200)}
    pool.want(places(*range(200)), soon=False)
    until(lambda: server.now == 2)
    time.sleep(0.05)
    assert server.now == 2
    waiting = threading.Thread(target=lambda: [pool.fetch(places(i)) for i in range(100)])
    waiting.start()
    for number in range(100):
        until(lambda: pool._transfers[places(number)[0]].waiting)  # noqa: B023
        server.held[f"s3://b/{number}"].set()
    waiting.join(20)
    until(lambda: server.now == 8)
    assert not waiting.is_alive() and server.most == 8
    pool.release(places(*range(200)))
    pool.close()
    until(lambda: not threads())


def test_a_released_request_ends_and_the_others_never_begin(server: Server, pool: Transfers) -> None:
    server.held = {f"s3://b/{i}": threading.Event() for i in range(8)}
    pool.want(places(*range(8)), soon=False)
    until(lambda: server.now == 4)
    pool.release(places(*range(8)))
    until(lambda: not threads())
    assert sum(server.asked.values()) == 4 and pool._admission.held == 0


def test_an_error_is_raised_to_everyone_who_asks(server: Server, pool: Transfers) -> None:
    server.missing = {"s3://b/1"}
    pool.want(places(0, 1, 2), soon=True)
    for _ in range(2):
        with pytest.raises(FileNotFoundError, match="does not exist"):
            pool.fetch(places(0, 1, 2))
        assert names(pool.fetch(places(0, 2))) == ["0", "2"]
    assert server.asked["s3://b/1"] == 1
    pool.release(places(0, 1, 2))
    assert not pool._transfers and pool._admission.held == 0


def test_one_place_alone_needs_no_thread(server: Server, pool: Transfers) -> None:
    assert names(pool.fetch(places("x"))) == ["x"]
    assert not pool._threads


def test_the_end_does_not_wait_for_a_server_that_hangs(server: Server, pool: Transfers) -> None:
    server.held = {"s3://b/0": threading.Event()}
    pool.open()
    pool.want(places(0, 1), soon=True)
    until(lambda: server.asked["s3://b/1"] == 1)
    pool.end(patience=0.05)
    until(lambda: not threads())


@pytest.mark.parametrize("many", [False, True], ids=["each", "many"])
@pytest.mark.parametrize("event", ["call", "return"])
def test_wherever_ctrl_c_comes_the_pool_can_be_used_afterwards(
    event: str, many: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At every call of a Python function and every return from one. At some it never got its own lock again, and the
    process did not end."""
    monkeypatch.setattr(Quick, "address", lambda *_: None)  # all are in vain
    wanted, place, count = places(1, 2, 3), 0, 1

    def interrupt(frame: FrameType, happened: str, argument: object) -> None:
        nonlocal count
        above: FrameType | None = frame
        while above is not None and above.f_code is not threading.Thread.start.__code__:
            above = above.f_back
        count += happened == event and above is None  # a thread whose start is interrupted may stay for ever
        if count > place:
            sys.setprofile(None)
            raise KeyboardInterrupt

    while count > place:
        place, count = place + 1, 0
        pool = Transfers(Server(), quick=Quick() if many else None)
        gc.disable()  # what its callbacks raise is dropped, and hypothesis has one
        sys.setprofile(interrupt)
        try:
            pool.open()
            pool.want(wanted, soon=False)
            pool.fetch(wanted)
            pool.release(wanted)
            pool.close()
        except KeyboardInterrupt:
            pass
        finally:
            sys.setprofile(None)
            gc.enable()
        used = threading.Event()

        def use(pool: Transfers = pool, used: threading.Event = used) -> None:
            assert len(pool.fetch(wanted)) == len(wanted)
            pool.end()
            used.set()

        threading.Thread(target=use, daemon=True).start()
        assert used.wait(20), f"hangs after Ctrl-C at {event} {place}"
    assert place > 50
