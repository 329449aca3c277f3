"""The parts of two services that reading needs, on this machine: Azure's Blob Storage (its REST reference: List Blobs,
Get Blob) and Hugging Face's hub (the requests of huggingface_hub 2.4). Their objects lie in memory."""

from __future__ import annotations

import http.server
import json
import re
import urllib.parse
from xml.sax.saxutils import escape

from tests.object_store import serve

MODIFIED = "Wed, 21 Oct 2026 07:28:00 GMT"


class Service:
    """A server with objects by their path, such as `container/a/b.jpg`.

    Attributes:
        objects: content by path.
        page: entries of a page of a listing.
    """

    page = 5

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                pass

            def do_GET(self) -> None:
                split = urllib.parse.urlsplit(self.path)
                query = dict(urllib.parse.parse_qsl(split.query))
                length = int(self.headers.get("Content-Length", 0))
                query |= {"body": self.rfile.read(length).decode()} if length else {}
                status, headers, content = outer.answer(urllib.parse.unquote(split.path)[1:], query)
                asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
                if asked and status == 200:
                    first, stop = int(asked[1]), min(len(content), int(asked[2] or len(content)) + 1)
                    headers["Content-Range"] = f"bytes {first}-{stop - 1}/{len(content)}"
                    status, content = 206, content[first:stop]
                self.send_response(status)
                for name, value in (headers | {"Content-Length": str(len(content))}).items():
                    self.send_header(name, value)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(content)

            do_HEAD = do_POST = do_GET

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        serve(self._server)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, path: str, query: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        """Status, headers and body for a path, without its leading slash, and a query."""
        raise NotImplementedError

    def entries(self, below: str, nested: bool) -> list[str]:
        """The objects whose paths begin with `below`, in order; or, not `nested`, the next parts of their paths,
        folders with a slash at their end."""
        names = sorted(path for path in self.objects if path.startswith(below))
        return (
            names if nested else sorted({re.match(f"{re.escape(below)}[^/]*/?", name)[0] for name in names})
        )


class Azure(Service):
    """An account named `account`, with containers that are made by their first object."""

    def answer(self, path: str, query: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        path = path.removeprefix("account/")
        if query.get("comp") == "list":
            return self._list(path, query)
        if path not in self.objects:
            return 404, {"x-ms-error-code": "BlobNotFound"}, b""
        tag = f'"{hash(self.objects[path]):x}"'
        return (
            200,
            {"ETag": tag, "Last-Modified": MODIFIED, "x-ms-blob-type": "BlockBlob"},
            self.objects[path],
        )

    def _list(self, container: str, query: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        if not self.entries(f"{container}/", True):
            return 404, {"x-ms-error-code": "ContainerNotFound"}, b""
        found = self.entries(f"{container}/{query.get('prefix', '')}", "delimiter" not in query)
        first = int(query.get("marker", 0))
        lines = ["<?xml version='1.0' encoding='utf-8'?><EnumerationResults><Blobs>"]
        for name in found[first : first + self.page]:
            key = escape(name.removeprefix(f"{container}/"))
            if name.endswith("/"):
                lines.append(f"<BlobPrefix><Name>{key}</Name></BlobPrefix>")
                continue
            lines.append(
                f"<Blob><Name>{key}</Name><Properties><Last-Modified>{MODIFIED}</Last-Modified><Etag>0x1</Etag>"
                f"<Content-Type>image/jpeg</Content-Type><Content-Length>{len(self.objects[name])}</Content-Length>"
                "<BlobType>BlockBlob</BlobType></Properties></Blob>"
            )
        following = first + self.page if first + self.page < len(found) else ""
        lines.append(f"</Blobs><NextMarker>{following}</NextMarker></EnumerationResults>")
        return 200, {"Content-Type": "application/xml"}, "".join(lines).encode()


class Hub(Service):
    """Data sets, whose objects begin with their names: `me/photos/train/a.jpg`. They have no revision but `main`."""

    def answer(self, path: str, query: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        asked = re.fullmatch(
            r"(api/)?datasets/([^/]+/[^/]+)(?:/(revision|tree|paths-info|resolve)/main)?/?(.*)", path
        )
        assert asked is not None, path
        name, kind, below = asked[2], asked[3], asked[4]
        if not self.entries(f"{name}/", True):
            return 404, {"X-Error-Code": "RepoNotFound"}, b"{}"
        if kind == "resolve":
            content = self.objects.get(f"{name}/{below}")
            if content is None:
                return 404, {"X-Error-Code": "EntryNotFound"}, b""
            return 200, {"ETag": f'"{hash(content):x}"', "X-Repo-Commit": "0" * 40}, content
        if kind in (None, "revision"):
            return self._json({"id": name, "sha": "0" * 40})
        if kind == "paths-info":
            wanted = urllib.parse.parse_qs(query["body"])["paths"]
            return self._json([each for path in wanted for each in self._described(f"{name}/{path}", name)])
        folder = f"{name}/{below}/" if below else f"{name}/"
        found = self.entries(folder, query.get("recursive", "").lower() == "true")
        if not found:
            return 404, {"X-Error-Code": "EntryNotFound"}, b"{}"
        return self._json([each for path in found for each in self._described(path.rstrip("/"), name)])

    def _described(self, path: str, name: str) -> list[dict[str, object]]:
        key = path.removeprefix(f"{name}/")
        if path in self.objects:
            size = len(self.objects[path])
            return [{"type": "file", "path": key, "size": size, "oid": f"{hash(self.objects[path]):x}"}]
        return [{"type": "directory", "path": key, "oid": "0"}] if self.entries(f"{path}/", True) else []

    def _json(self, made: object) -> tuple[int, dict[str, str], bytes]:
        return 200, {"Content-Type": "application/json"}, json.dumps(made).encode()
