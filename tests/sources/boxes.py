"""A bucket of random objects on a server with faults, and what a pool gets of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from dali_mixup.sources.base import Place
from dali_mixup.sources.remote.client import Part
from dali_mixup.sources.remote.transfers import Transfers
from tests.object_store import KEYS, ODD_NAMES, WebServer, environment

NAMES = [f"{i}.jpg" for i in range(40)]


@contextmanager
def box() -> Iterator[WebServer]:
    """s3://box, as long as the block lasts."""
    server = WebServer()
    server.files = {f"/box/{name}": os.urandom(1 + 997 * i) for i, name in enumerate([*NAMES, *ODD_NAMES])}
    server.files["/box/empty.jpg"] = b""
    with environment(**KEYS, AWS_ENDPOINT_URL=server.url):
        yield server
    server.close()


def never(*_: object) -> Part:
    raise AssertionError("asked for again")


def places(*names: str) -> list[Place]:
    return [(f"s3://box/{name}".encode(), 0, None) for name in names]


def got(pool: Transfers, *names: str) -> list[bytes]:
    return [bytes(part.content) for part in pool.fetch([*places(*names), *places(names[0])])][:-1]
