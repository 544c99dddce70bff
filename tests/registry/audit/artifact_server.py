"""A server that lists and hands out files as MLflow's artifact proxy does, in this process; it counts bytes."""

from __future__ import annotations

import contextlib
import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlparse

ROOT = "/api/2.0/mlflow-artifacts/artifacts"


@dataclass
class Served:
    """What is served, and how.

    Attributes:
        directory: the files.
        ranges: whether parts of files are given.
        sent: bytes, by the name of the file.
        failing: names that are answered with status 404.
        after: so many parts are given before the next one fails.
        uri: of the server's root.
    """

    directory: Path
    ranges: bool = True
    sent: dict[str, int] = field(default_factory=dict)
    failing: set[str] = field(default_factory=set)
    after: int = 1 << 30
    uri: str = ""


@contextlib.contextmanager
def serving_artifacts(directory: Path) -> Iterator[Served]:
    served = Served(directory)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parsed = urlparse(self.path)
            if parsed.path == ROOT:
                self._list(parse_qs(parsed.query)["path"][0])
            else:
                self._give(unquote(parsed.path.removeprefix(f"{ROOT}/")))

        def _list(self, path: str) -> None:
            place = served.directory / path
            entries = sorted(place.iterdir()) if place.is_dir() else []
            files = [{"path": e.name, "is_dir": e.is_dir(), "file_size": e.stat().st_size} for e in entries]
            self._answer(200, json.dumps({"files": files}).encode(), "application/json")

        def _give(self, path: str) -> None:
            place = served.directory / path
            asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
            if place.name in served.failing or not place.is_file() or served.after <= 0:
                self._answer(404, b"{}", "application/json")
                return
            data, status = place.read_bytes(), 200
            if asked and served.ranges:
                data, status = data[int(asked[1]) : int(asked[2]) + 1], 206
                served.after -= 1
            served.sent[place.name] = served.sent.get(place.name, 0) + len(data)
            self._answer(status, data, "application/octet-stream")

        def _answer(self, status: int, data: bytes, kind: str) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            # Who asks for parts may hang up when it gets the whole.
            with contextlib.suppress(OSError):
                self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        served.uri = f"http://127.0.0.1:{server.server_port}{ROOT}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield served
        server.shutdown()
