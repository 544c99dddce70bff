"""Twenty clients that promote, delete and rename at once, and a server that is killed in the middle of it."""

from __future__ import annotations

import contextlib
import http.client
import os
import random
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy

from tests.live.registry_servers import Server, command, variables
from tests.live.servers import PATIENCE, await_server, free_port
from tests.registry.models import guarded
from tests.registry.stores import POLICY, UNKNOWN

CLIENTS = 20
GUARDED = ("guarded-1", "guarded-2")

#: What the database says is promoted, with where its files are.
PROMOTED = """
SELECT a.name, a.alias, a.version, v.current_stage, v.storage_location FROM registered_model_aliases a
LEFT JOIN model_versions v ON v.name = a.name AND v.version = a.version
WHERE a.name LIKE 'guarded%' AND a.alias = 'champion'
UNION ALL SELECT name, 'Production', version, current_stage, storage_location FROM model_versions
WHERE name LIKE 'guarded%' AND current_stage = 'Production'
"""


@dataclass(frozen=True, kw_only=True)
class Race:
    """A database, and models in the artifact store."""

    directory: Path
    database: str
    sources: dict[str, tuple[str, str]] = field(default_factory=dict)
    answers: Counter = field(default_factory=Counter)

    def run(self, enough: int) -> None:
        """Start a server, let the clients loose, and kill every process of it in the middle.

        Args:
            enough: aliases that have been set, and as many that have been refused, by then.
        """
        with self.server() as (server, process):
            if not self.sources:
                for name, layers in (("good", ()), ("bad", (UNKNOWN,))):
                    self.sources[name] = server.upload(guarded(self.directory / name, *layers))
            clients = [Client(self, server, seed) for seed in range(CLIENTS)]
            threads = [threading.Thread(target=client.run) for client in clients]
            for thread in threads:
                thread.start()
            deadline = time.monotonic() + PATIENCE
            while min(sum(client.answers["alias", it] for client in clients) for it in (200, 403)) < enough:
                assert time.monotonic() < deadline, [client.answers for client in clients]
                time.sleep(0.01)
            os.killpg(process.pid, signal.SIGKILL)
            for thread in threads:
                thread.join()
            for client in clients:
                self.answers.update(client.answers)

    @contextlib.contextmanager
    def server(self) -> Iterator[tuple[Server, subprocess.Popen]]:
        policy, port = self.directory / "kerasguard.toml", free_port()
        policy.write_text(POLICY)
        line = command(self.database, self.directory / "artifacts", port, workers=2)
        log = self.directory / f"log-{port}"
        with log.open("wb") as stream:
            process = subprocess.Popen(
                line, cwd=self.directory, env=variables(policy), stdout=stream, stderr=stream, start_new_session=True
            )
        try:
            await_server(f"http://127.0.0.1:{port}/health", process, log)
            yield Server(url=f"http://127.0.0.1:{port}", log=log), process
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait(30)

    def promoted(self) -> list[tuple[Any, ...]]:
        """All that is under a guard, as the database has it after the kill."""
        engine = sqlalchemy.create_engine(self.database)
        try:
            with engine.connect() as connection:
                return [tuple(row) for row in connection.execute(sqlalchemy.text(PROMOTED))]
        finally:
            engine.dispose()

    def wrong(self) -> list[tuple[Any, ...]]:
        """Whatever is under a guard without a verdict that lets it be there."""
        good = self.sources["good"][0]
        return [row for row in self.promoted() if row[4] != good or row[3] == "Deleted_Internal"]


class Client:
    """One that does anything to two registered models until the server is gone."""

    def __init__(self, race: Race, server: Server, seed: int) -> None:
        self.race, self.server, self.random = race, server, random.Random(seed)
        self.seed, self.answers = seed, Counter[tuple[str, int]]()

    def run(self) -> None:
        does: list[Callable[[str], None]] = [self.alias] * 16 + [self.stage] * 2 + [self.create] * 8
        does += [self.delete_version, self.delete_model, self.rename]
        with contextlib.suppress(OSError, ValueError, http.client.HTTPException):
            while True:
                self.random.choice(does)(self.random.choice(GUARDED))

    def ask(self, what: str, path: str, method: str = "POST", **body: Any) -> int:
        status, _ = self.server.ask(method, path, body, timeout=30)
        self.answers[what, status] += 1
        return status

    def alias(self, name: str) -> None:
        version = str(self.random.randint(1, 2))
        self.ask("alias", "registered-models/alias", name=name, alias="champion", version=version)

    def stage(self, name: str) -> None:
        body = {"version": str(self.random.randint(1, 3)), "stage": "Production", "archive_existing_versions": False}
        self.ask("stage", "model-versions/transition-stage", name=name, **body)

    def create(self, name: str) -> None:
        source, run_id = self.race.sources[self.random.choice(("good", "bad"))]
        if self.ask("create", "model-versions/create", name=name, source=source, run_id=run_id) == 404:
            self.ask("register", "registered-models/create", name=name)

    def delete_version(self, name: str) -> None:
        version = str(self.random.randint(1, 3))
        self.ask("delete version", "model-versions/delete", "DELETE", name=name, version=version)

    def delete_model(self, name: str) -> None:
        self.ask("delete model", "registered-models/delete", "DELETE", name=name)

    def rename(self, name: str) -> None:
        """An alias that nobody guards becomes a guarded one with the name of its model."""
        mine = f"free-{self.seed}"
        self.ask("register", "registered-models/create", name=mine)
        self.create(mine)
        self.ask("free alias", "registered-models/alias", name=mine, alias="champion", version="1")
        self.ask("rename", "registered-models/rename", name=mine, new_name=name)
        self.ask("delete model", "registered-models/delete", "DELETE", name=mine)
