"""A guarded registry behind a real `mlflow server`, asked with raw requests."""

from __future__ import annotations

import contextlib
import json
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.live.servers import clean_variables, free_port, serving

#: Both ways to the same handlers: for programs, and for the web page.
WAYS = ("api", "ajax-api")


@dataclass(frozen=True, kw_only=True)
class Server:
    """A server that answers."""

    url: str
    log: Path
    headers: Mapping[str, str] = field(default_factory=dict)
    experiment: str = "0"

    def ask(
        self, method: str, path: str, body: Any = None, *, way: str = "api", api: str = "2.0", timeout: float = 60
    ) -> tuple[int, Any]:
        """The status and the JSON of any answer."""
        url = f"{self.url}/{way}/{api}/mlflow/{path}"
        content = None if body is None else json.dumps(body).encode()
        if method == "GET" and body is not None:
            url, content = f"{url}?{urllib.parse.urlencode(body)}", None
        headers = {"Content-Type": "application/json", **self.headers}
        return _answer(urllib.request.Request(url, content, headers, method=method), timeout)

    def get(self, path: str, **body: Any) -> Any:
        return self._ok(self.ask("GET", path, body))

    def post(self, path: str, **body: Any) -> Any:
        return self._ok(self.ask("POST", path, body))

    @staticmethod
    def _ok(answer: tuple[int, Any]) -> Any:
        status, content = answer
        assert status == 200, answer
        return content

    def alias(self, name: str, alias: str, version: object, *, way: str = "api", **more: Any) -> tuple[int, Any]:
        body = {"name": name, "alias": alias, "version": str(version)}
        return self.ask("POST", "registered-models/alias", body, way=way, **more)

    def aliases(self, name: str) -> dict[str, str]:
        found = self.get("registered-models/get", name=name)["registered_model"].get("aliases", [])
        return {item["alias"]: item["version"] for item in found}

    def register(self, name: str) -> None:
        self.post("registered-models/create", name=name)

    def upload(self, model: Path) -> tuple[str, str]:
        """Store a model as artifacts of a new run; gives its URI and the run."""
        run = self.post("runs/create", experiment_id=self.experiment, start_time=1)["run"]["info"]
        uri = f"{run['artifact_uri']}/model"
        self.upload_to(uri, model)
        return uri, run["run_id"]

    def upload_to(self, uri: str, model: Path) -> None:
        """Store a model where a run or a logged model has its artifacts."""
        root = urllib.parse.urlsplit(uri).path.strip("/")
        for file in sorted(path for path in model.rglob("*") if path.is_file()):
            path = urllib.parse.quote(f"{root}/{file.relative_to(model).as_posix()}")
            url = f"{self.url}/api/2.0/mlflow-artifacts/artifacts/{path}"
            status, content = _answer(
                urllib.request.Request(url, file.read_bytes(), dict(self.headers), method="PUT"), 60
            )
            assert status == 200, content

    def version(self, name: str, source: str, run_id: str | None = None) -> str:
        body = {"name": name, "source": source, **({"run_id": run_id} if run_id else {})}
        return str(self.post("model-versions/create", **body)["model_version"]["version"])


def _answer(request: urllib.request.Request, timeout: float) -> tuple[int, Any]:
    try:
        with urllib.request.urlopen(request, timeout=timeout) as response:
            return response.status, _parsed(response.read())
    except urllib.error.HTTPError as error:
        return error.code, _parsed(error.read())


def _parsed(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        return content.decode(errors="replace")


def command(
    database: str, artifacts: Path | str, port: int, *options: str, workers: int = 1, registry: str | None = None
) -> list[str]:
    """`mlflow server` on a database, whose registry is guarded."""
    return [
        *(sys.executable, "-m", "mlflow", "server", "--port", str(port), "--workers", str(workers)),
        *("--backend-store-uri", database, "--registry-store-uri", registry or f"kerasguard+{database}"),
        *("--artifacts-destination", str(artifacts), *options),
    ]


def variables(policy: Path, **more: str) -> dict[str, str]:
    # Jobs run in further processes, which the tests have no use for.
    return clean_variables(MLFLOW_KERASGUARD_POLICY=str(policy), MLFLOW_SERVER_ENABLE_JOB_EXECUTION="false", **more)


@contextlib.contextmanager
def serving_registry(
    directory: Path,
    database: str,
    policy: Path,
    *options: str,
    artifacts: str | None = None,
    headers: Mapping[str, str] | None = None,
    workers: int = 1,
    **more: str,
) -> Iterator[Server]:
    port = free_port()
    line = command(database, artifacts or directory / "artifacts", port, *options, workers=workers)
    with serving(line, port, directory / "server", variables(policy, **more), ready="health") as (_, log):
        yield Server(url=f"http://127.0.0.1:{port}", log=log, headers=headers or {})
