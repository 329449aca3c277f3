"""Servers of objects on this machine: moto's S3, which is the protocol's own implementation by others, and a plain web
server with faults. A fault is what happens instead of an answer to one request; the next request gets the next one."""

from __future__ import annotations

import contextlib
import http.server
import os
import re
import socket
import socketserver
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

ODD_NAMES = [
    f"{name}.jpg" for name in ("x y", "ü", "50%", "a+b", "a#b", "a&b=c", "x%20y", "[x]", "q?x=1", "~t", "*")
]
KEYS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "us-east-1"}


class S3Server:
    """moto's server in a process of its own."""

    def __init__(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.endpoint = f"http://127.0.0.1:{port}"
        self._process = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(self.endpoint, timeout=5).close()
                return
            except OSError as error:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError("moto's server does not start") from error
                time.sleep(0.1)

    def make_bucket(self, name: str) -> None:
        self._put(name, b"")

    def put(self, bucket: str, key: str, content: bytes) -> None:
        self._put(f"{bucket}/{urllib.parse.quote(key)}", content)

    def put_folder(self, bucket: str, folder: Path, prefix: str = "") -> None:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                self.put(bucket, prefix + path.relative_to(folder).as_posix(), path.read_bytes())

    def delete(self, bucket: str, key: str) -> None:
        self._put(f"{bucket}/{urllib.parse.quote(key)}", None)

    def close(self) -> None:
        self._process.terminate()
        self._process.wait()

    def _put(self, path: str, content: bytes | None) -> None:
        method = "DELETE" if content is None else "PUT"
        # The library under test must not be what fills the bucket; moto checks no signature.
        request = urllib.request.Request(f"{self.endpoint}/{path}", data=content, method=method)
        request.add_header(
            "Authorization", "AWS4-HMAC-SHA256 Credential=key/20260101/us-east-1/s3/aws4_request"
        )
        request.add_header("Content-Type", "application/octet-stream")
        urllib.request.urlopen(request, timeout=30).close()


def serve(server: socketserver.BaseServer) -> None:
    """Answer in a thread, which looks for shutdown() every 0.02 s: every test would wait for the usual 0.5 s."""
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()


class WebServer:
    """Serves files from memory, with ranges, on a thread.

    Attributes:
        files: content by path, with its leading slash.
        faults: for each path, what happens to its next requests: "reset", "truncated", "wrong length", "hang", or a
            status such as 503.
        latency: seconds before every answer.
        requests: how often each (path, range) was asked for.
        ranges: whether parts of files can be had.
        versions: whether answers have an ETag and a time of modification.
        head: the status of every answer to HEAD; None: as to GET.
        lengths: False: answers are in pieces, without their length, and parts do not say how long the whole is.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.faults: defaultdict[str, list[str | int]] = defaultdict(list)
        self.latency = 0.0
        self.requests: Counter[tuple[str, str | None]] = Counter()
        self.ranges = self.versions = True
        self.head: int | None = None
        self.lengths = True
        self.bytes_sent = 0
        self.released = threading.Event()
        self._lock = threading.Lock()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                pass

            def do_HEAD(self) -> None:
                outer._answer(self, body=False)

            def do_GET(self) -> None:
                outer._answer(self, body=True)

        class Server(http.server.ThreadingHTTPServer):
            request_queue_size = 256
            daemon_threads = True

            def handle_error(self, *_: object) -> None:
                pass

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        serve(self._server)

    def close(self) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()

    def count(self, path: str) -> int:
        """How often a path was asked for, with any range."""
        return sum(n for (asked, _), n in self.requests.items() if asked == path)

    def _answer(self, handler: http.server.BaseHTTPRequestHandler, body: bool) -> None:
        path = urllib.parse.unquote(handler.path.partition("?")[0])  # after it comes a signature
        asked = handler.headers.get("Range")
        with self._lock:
            if body:
                self.requests[path, asked] += 1
            fault = self.faults[path].pop(0) if self.faults[path] else None
        time.sleep(self.latency)
        if fault == "hang":
            self.released.wait(60)
            handler.close_connection = True
            return
        if fault == "reset":
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            os.close(handler.connection.detach())
            handler.close_connection = True
            return
        if not body and self.head is not None:
            fault = self.head
        if isinstance(fault, int) or path not in self.files:
            handler.send_response(fault if isinstance(fault, int) else 404)
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return
        content, status = self.files[path], 200
        total = len(content)
        if asked and self.ranges:
            first, last = re.fullmatch(r"bytes=(\d+)-(\d*)", asked).groups()
            stop = min(total, int(last) + 1 if last else total)
            if int(first) >= total:
                handler.send_response(416)
                handler.send_header("Content-Length", "0")
                handler.end_headers()
                return
            content, status = content[int(first) : stop], 206
        handler.send_response(status)
        if self.lengths or status == 206:
            length = len(content) + (100 if fault == "wrong length" else 0)
            handler.send_header("Content-Length", str(length))
        else:
            handler.send_header("Transfer-Encoding", "chunked")
            content = b"%x\r\n%b\r\n0\r\n\r\n" % (len(content), content)
        if self.versions:
            handler.send_header("ETag", f'"{hash(self.files[path])}"')
            handler.send_header("Last-Modified", "Wed, 21 Oct 2026 07:28:00 GMT")
        if status == 206:
            handler.send_header("Content-Range", f"bytes {first}-{stop - 1}/{total if self.lengths else '*'}")
        handler.end_headers()
        if not body:
            return
        if fault in ("truncated", "wrong length"):
            handler.wfile.write(content[: len(content) // 2] if fault == "truncated" else content)
            handler.wfile.flush()
            handler.connection.shutdown(socket.SHUT_RDWR)
            handler.close_connection = True
            return
        handler.wfile.write(content)
        self.bytes_sent += len(content)


@contextlib.contextmanager
def environment(**variables: str) -> Iterator[None]:
    """Environment variables for a while, and clients that are made from them."""
    from dali_mixup.sources.remote import stores

    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    stores.forget()
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None) if value is None else os.environ.update({name: value})
        stores.forget()
