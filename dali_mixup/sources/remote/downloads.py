"""Many requests at a time in one thread, by libcurl.

A thread for each request costs more CPU time than the request: see docs/data.md. Only what is usual is done here, whole
objects that are there. Whatever else comes is for the clients of `stores`, which ask again and tell what is wrong.
"""

from __future__ import annotations

import os
import select
import ssl
import time
from collections import deque
from contextlib import suppress
from typing import Any, Generic, TypeVar
from urllib.request import getproxies_environment

import pycurl

from dali_mixup.sources.remote.client import ANSWER, CONNECT, WHOLE

BUFFER = 512 * 1024  # bytes that are taken from a connection at a time, libcurl's most
_EVENTS = {
    pycurl.POLL_IN: select.EPOLLIN,
    pycurl.POLL_OUT: select.EPOLLOUT,
    pycurl.POLL_INOUT: select.EPOLLIN | select.EPOLLOUT,
}
_TURNED_OFF = -1  # libcurl's timer
_LASTING = frozenset({301, 302, 303, 307, 308, 400, 401, 403})
_LASTING_ERRORS = frozenset(
    {pycurl.E_SSL_CONNECT_ERROR, pycurl.E_PEER_FAILED_VERIFICATION, pycurl.E_SSL_CACERT_BADFILE}
)
"""Answers, and errors, that are those of a service which does not want to be asked like that."""

T = TypeVar("T")


class Downloads(Generic[T]):
    """Requests under way, of one thread.

    Args:
        wakeup: a descriptor that ends `wait` when there is something to be read from it, which is.
        connections: the largest number that are kept open.
        most: bytes of the largest object.

    Attributes:
        ended: the requests that have ended, for the caller to take away: their tickets, the object's bytes, or None if
            it could not be had, and whether it will be so the next time.
    """

    def __init__(self, wakeup: int, connections: int, most: int) -> None:
        self._wakeup, self._most = wakeup, most
        self._epoll, self._watched, self._due = select.epoll(), set[int](), float("inf")
        self._epoll.register(wakeup, select.EPOLLIN)
        self._multi, self._free = pycurl.CurlMulti(), list[Any]()
        self._multi.setopt(pycurl.M_MAXCONNECTS, connections)
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._watch)
        self._multi.setopt(pycurl.M_TIMERFUNCTION, self._set_timer)
        # libcurl alone leaves HTTP_PROXY out, which the clients of `stores` know; NO_PROXY it asks for itself.
        self._proxies = getproxies_environment()
        self._tickets: dict[Any, tuple[T, list[bytes]]] = {}
        self.ended: deque[tuple[T, bytes | None, bool]] = deque()

    @property
    def under_way(self) -> int:
        """The number of requests that have not ended."""
        return len(self._tickets)

    @property
    def tickets(self) -> list[T]:
        """Those of the requests that have not ended."""
        return [ticket for ticket, _ in self._tickets.values()]

    def begin(self, ticket: T, address: str) -> None:
        """Ask for the object at an http(s) address."""
        handle = self._free.pop() if self._free else self._handle()
        pieces: list[bytes] = []
        handle.setopt(pycurl.URL, address)
        if self._proxies:
            scheme = address.partition(":")[0]
            handle.setopt(pycurl.PROXY, self._proxies.get(scheme, self._proxies.get("all", "")))
        handle.setopt(pycurl.WRITEFUNCTION, pieces.append)
        self._multi.add_handle(handle)
        self._tickets[handle] = ticket, pieces

    def wait(self, seconds: float | None) -> None:
        """Until requests have ended, and are in `ended`; at the latest for so many seconds (None: any number), or until
        woken up."""
        until_due = max(0.0, self._due - time.monotonic())
        seconds = until_due if seconds is None else min(seconds, until_due)
        for descriptor, happened in self._epoll.poll(None if seconds == float("inf") else seconds):
            if descriptor == self._wakeup:
                os.read(descriptor, 4096)
            else:
                self._multi.socket_action(descriptor, _selected(happened))
        if time.monotonic() >= self._due:
            self._due = float("inf")
            self._multi.socket_action(pycurl.SOCKET_TIMEOUT, 0)
        self._collect()

    def close(self) -> None:
        """End all requests and connections."""
        for handle in [*self._tickets, *self._free]:
            if handle in self._tickets:
                self._multi.remove_handle(handle)
            handle.close()
        self._multi.close()
        self._epoll.close()

    def _collect(self) -> None:
        left = 1
        while left:
            left, good, bad = self._multi.info_read()
            for handle in good:
                self._collect_one(handle, *self._answer(handle))
            for handle, error, _ in bad:
                self._collect_one(handle, None, error in _LASTING_ERRORS)

    def _answer(self, handle: Any) -> tuple[bytes | None, bool]:
        status, pieces = handle.getinfo(pycurl.RESPONSE_CODE), self._tickets[handle][1]
        try:
            content = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        except MemoryError:  # belongs to whoever waits for this object: its client will raise it
            return None, False
        usual = status == 200 and handle.getinfo(pycurl.CONTENT_LENGTH_DOWNLOAD_T) == len(content)
        return (content if usual else None), status in _LASTING

    def _collect_one(self, handle: Any, content: bytes | None, lasting: bool) -> None:
        self._multi.remove_handle(handle)
        self.ended.append((self._tickets[handle][0], content, lasting))
        del self._tickets[handle]
        self._free.append(handle)

    def _handle(self) -> Any:
        handle = pycurl.Curl()
        handle.setopt(pycurl.NOSIGNAL, 1)
        handle.setopt(pycurl.BUFFERSIZE, BUFFER)
        handle.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1)
        handle.setopt(pycurl.CONNECTTIMEOUT, CONNECT)
        handle.setopt(pycurl.LOW_SPEED_LIMIT, 1)
        handle.setopt(pycurl.LOW_SPEED_TIME, ANSWER)
        handle.setopt(pycurl.TIMEOUT, WHOLE)
        handle.setopt(pycurl.MAXFILESIZE_LARGE, self._most)
        if authorities := _authorities():
            handle.setopt(pycurl.CAINFO, authorities)
        return handle

    def _watch(self, what: int, descriptor: int, multi: Any, data: Any) -> None:
        if what != pycurl.POLL_REMOVE:
            change = self._epoll.modify if descriptor in self._watched else self._epoll.register
            change(descriptor, _EVENTS[what])
            self._watched.add(descriptor)
        elif descriptor in self._watched:
            self._watched.remove(descriptor)
            with suppress(OSError):  # it may be closed already
                self._epoll.unregister(descriptor)

    def _set_timer(self, milliseconds: int) -> None:
        self._due = float("inf") if milliseconds == _TURNED_OFF else time.monotonic() + milliseconds / 1000


def _selected(happened: int) -> int:
    found = pycurl.CSELECT_IN if happened & select.EPOLLIN else 0
    found |= pycurl.CSELECT_OUT if happened & select.EPOLLOUT else 0
    return found | (pycurl.CSELECT_ERR if happened & (select.EPOLLERR | select.EPOLLHUP) else 0)


def _authorities() -> str | None:
    """The file of the certificate authorities that Python trusts: a wheel's libcurl looks where they are on the machine
    that made it."""
    return os.environ.get("SSL_CERT_FILE") or ssl.get_default_verify_paths().cafile
