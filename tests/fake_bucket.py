"""A bucket on this machine: as much of Google's JSON API for storage as gcsfs asks for, kept in memory."""

import base64
import contextlib
import hashlib
import http.server
import json
import re
import threading
import urllib.parse
from collections.abc import Callable, Iterator


class Bucket:
    """One bucket, served while `serving` is in use.

    objects    name -> bytes.
    log        "PUT name", "GET name", "DELETE name", in the order in which they came.
    refuse     told each of these, and "LIST prefix", before it is done; where it returns a status, that is the answer.
    """

    def __init__(self, name: str = "bucket"):
        self.name, self.objects, self.log = name, {}, []
        self.refuse: Callable[[str], int | None] = lambda what: None
        self.lock, self.uploads = threading.Lock(), {}

    @contextlib.contextmanager
    def serving(self) -> Iterator[str]:
        """Within it, gives the address, for the environment variable STORAGE_EMULATOR_HOST."""
        handler = type("Handler", (_Handler,), {"bucket": self})
        with http.server.ThreadingHTTPServer(("localhost", 0), handler) as server:
            thread = threading.Thread(target=server.serve_forever)
            thread.start()
            try:
                yield f"http://localhost:{server.server_port}"
            finally:
                server.shutdown()
                thread.join()

    def names(self, of: str) -> list[str]:
        """Names of the objects that came in by one verb, in their order."""
        return [line.partition(" ")[2] for line in self.log if line.startswith(f"{of} ")]

    def described(self, name: str) -> dict[str, str]:
        import google_crc32c

        data = self.objects[name]
        return {
            "kind": "storage#object",
            "bucket": self.name,
            "name": name,
            "size": str(len(data)),
            "md5Hash": base64.b64encode(hashlib.md5(data).digest()).decode(),
            "crc32c": base64.b64encode(google_crc32c.Checksum(data).digest()).decode(),
        }


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    bucket: Bucket

    def log_message(self, *_):
        pass

    def do_GET(self):
        path, query = self._asked()
        if not (found := re.fullmatch(r"(?:/download)?/storage/v1/b/([^/]+)/o(?:/(.+))?", path)):
            return self._say(400, f"not understood: {path}")
        if found[1] != self.bucket.name:
            return self._say(404, "The specified bucket does not exist.")
        if found[2] is None:
            return self._list(query.get("prefix", ""))
        name = urllib.parse.unquote(found[2])
        with self.bucket.lock:
            if refused := self._meet(f"GET {name}"):
                return self._say(refused, "refused")
            if name not in self.bucket.objects:
                return self._say(404, f"No such object: {name}")
            data = self.bucket.objects[name]
            if query.get("alt") != "media":
                return self._say(200, self.bucket.described(name))
        if part := re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", "")):
            data = data[int(part[1]) : int(part[2]) + 1 if part[2] else None]
        return self._say(206 if part else 200, data)

    def do_POST(self):
        path, query = self._asked()
        data = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        bucket = path.removeprefix("/upload/storage/v1/b/").partition("/")[0]
        if bucket != self.bucket.name:
            return self._say(404, "The specified bucket does not exist.")
        if query.get("uploadType") == "multipart":
            parts = re.fullmatch(rb"--==0==\n.*?\n\n(.*?)\n--==0==\n.*?\n\n(.*)\n--==0==--", data, re.DOTALL)
            return self._keep(json.loads(parts[1])["name"], parts[2])
        if "upload" not in query:  # a resumable upload begins
            name = urllib.parse.unquote(query["name"])
            self.bucket.uploads[name] = b""
            where = f"http://{self.headers['Host']}{path}?uploadType=resumable&upload={urllib.parse.quote(name, '')}"
            return self._say(200, {}, Location=where)
        name = query["upload"]
        self.bucket.uploads[name] += data
        end, size = map(int, re.fullmatch(r"bytes \d+-(\d+)/(\d+)", self.headers["Content-Range"]).groups())
        if end + 1 < size:
            return self._say(308, b"", Range=f"bytes=0-{end}")
        return self._keep(name, self.bucket.uploads.pop(name))

    def do_DELETE(self):
        name = urllib.parse.unquote(self._asked()[0].partition("/o/")[2])
        with self.bucket.lock:
            if refused := self._meet(f"DELETE {name}"):
                return self._say(refused, "refused")
            if self.bucket.objects.pop(name, None) is None:
                return self._say(404, f"No such object: {name}")
        return self._say(204, b"")

    def _keep(self, name: str, data: bytes):
        with self.bucket.lock:
            if refused := self._meet(f"PUT {name}"):
                return self._say(refused, "refused")
            self.bucket.objects[name] = data
            return self._say(200, self.bucket.described(name))

    def _list(self, prefix: str):
        if refused := self.bucket.refuse(f"LIST {prefix}"):
            return self._say(refused, "refused")
        with self.bucket.lock:
            names = sorted(name for name in self.bucket.objects if name.startswith(prefix))
            return self._say(200, {"kind": "storage#objects", "items": [self.bucket.described(name) for name in names]})

    def _meet(self, what: str) -> int | None:
        refused = self.bucket.refuse(what)
        if not refused:
            self.bucket.log.append(what)
        return refused

    def _asked(self) -> tuple[str, dict[str, str]]:
        url = urllib.parse.urlsplit(self.path)
        return url.path, dict(urllib.parse.parse_qsl(url.query))

    def _say(self, status: int, what: bytes | str | dict, **headers: str) -> None:
        if isinstance(what, str):
            what = {"error": {"code": status, "message": what}}
        data = what if isinstance(what, bytes) else json.dumps(what).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/octet-stream" if isinstance(what, bytes) else "application/json")
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
