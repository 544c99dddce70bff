"""What a server says of itself, asked over real HTTP."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from mlflow_kerasguard.cli import main
from mlflow_kerasguard.deployment.status import read_status
from mlflow_kerasguard.errors import UsageError

TOLD = {"kerasguard-version": "0.1.0", "kerasguard-verdict": "compatible", "kerasguard-signature": "sha256:abc"}


@pytest.fixture
def answering():
    """Start a server with the answers by path: a status, headers and a text."""
    servers = []

    def start(answers: dict) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, headers, text = answers[self.path]
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_: object) -> None:
                pass

        server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_a_server_that_tells(answering, capsys):
    url = answering({"/ping": (200, TOLD, "\n"), "/version": (200, TOLD, "3.17.2")})
    assert main(["status", url]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"ready       {url}",
        "mlflow      3.17.2",
        "kerasguard  0.1.0",
        "verdict     compatible",
        "signature   sha256:abc",
    ]
    assert main(["status", f"{url.removeprefix('http://')}/invocations", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "url": url,
        "ready": True,
        "problem": None,
        "mlflow": "3.17.2",
        "kerasguard": "0.1.0",
        "verdict": "compatible",
        "signature": "sha256:abc",
    }


def test_a_server_that_mlflow_started(answering):
    url = answering({"/ping": (200, {}, "\n"), "/version": (200, {}, "3.17.2")})
    assert str(read_status(f"{url}/ping")).splitlines()[-1].startswith("kerasguard  not told")


def test_a_server_without_a_model(answering, capsys):
    url = answering({"/ping": (404, {}, "")})
    assert main(["status", url]) == 1
    assert capsys.readouterr().out.startswith(f"not ready   {url}: it answers 404")


def test_no_server():
    status = read_status("http://127.0.0.1:9", time_limit=1)
    assert not status.ready
    assert status.problem == "no answer: Connection refused"


@pytest.mark.parametrize("url", ["ftp://host", "file:///etc/passwd", "http://", ""])
def test_no_address(url):
    with pytest.raises(UsageError, match="no address"):
        read_status(url)
