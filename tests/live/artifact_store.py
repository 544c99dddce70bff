"""An artifact store over HTTP, as another `mlflow server` is one, that can fall silent, fail, or list without an end."""

from __future__ import annotations

import contextlib
import json
import threading
import urllib.parse
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ROOT = "/api/2.0/mlflow-artifacts/artifacts"


class ArtifactStore:
    """Its state; to be changed while it runs.

    Attributes:
        mode: `well`, `silent` (it takes requests and never answers), `failing`, `endless` (each directory has one
            more) or `huge` (each file is said to have a terabyte).
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.mode = "well"
        self.ended = threading.Event()
        store = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_: object) -> None:
                """Nothing: the tests' output is for the tests."""

            def do_PUT(self) -> None:
                path = store.path(self.path)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(self.rfile.read(int(self.headers["Content-Length"])))
                self.answer(b"{}")

            def do_GET(self) -> None:
                if store.mode == "silent":
                    store.ended.wait()
                    return
                if store.mode == "failing":
                    self.send_error(503)
                    return
                query = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
                if "path" in query:
                    self.answer(json.dumps({"files": store.listed(query["path"][0])}).encode())
                else:
                    self.answer(store.path(self.path).read_bytes())

            def answer(self, content: bytes) -> None:
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True

    @property
    def uri(self) -> str:
        return f"http://127.0.0.1:{self.server.server_address[1]}{ROOT}"

    def path(self, url: str) -> Path:
        return self.directory / urllib.parse.unquote(urllib.parse.urlsplit(url).path).removeprefix(ROOT).lstrip("/")

    def listed(self, path: str) -> list[dict[str, object]]:
        if self.mode == "endless":
            return [{"path": "more", "is_dir": True}]
        directory = self.directory / path
        found = sorted(directory.iterdir()) if directory.is_dir() else []
        size = 1 << 40 if self.mode == "huge" else None
        return [
            {"path": it.name, "is_dir": True}
            if it.is_dir()
            else {"path": it.name, "is_dir": False, "file_size": size or it.stat().st_size}
            for it in found
        ]


@contextlib.contextmanager
def artifact_store(directory: Path) -> Iterator[ArtifactStore]:
    store = ArtifactStore(directory)
    thread = threading.Thread(target=store.server.serve_forever, daemon=True)
    thread.start()
    try:
        yield store
    finally:
        store.ended.set()
        store.server.shutdown()
        store.server.server_close()
        thread.join()
