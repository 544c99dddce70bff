"""The PostgreSQL of these tests: MLflow's server works on it, databases are apart, and nothing of it stays behind."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from tests.live.servers import PATIENCE, clean_variables, free_port, serving

pytestmark = [pytest.mark.live, pytest.mark.filterwarnings("ignore::UserWarning:mlflow")]


def test_a_server_of_mlflow_keeps_its_registry_in_it(postgresql_uri, tmp_path):
    from mlflow import MlflowClient

    port = free_port()
    options = ["--backend-store-uri", postgresql_uri, "--artifacts-destination", str(tmp_path / "artifacts")]
    command = [sys.executable, "-m", "mlflow", "server", *options, "--port", str(port), "--workers", "1"]
    with serving(command, port, tmp_path / "server", clean_variables(), ready="health"):
        MlflowClient(f"http://127.0.0.1:{port}").create_registered_model("kept")
    with psycopg.connect(postgresql_uri) as connection:
        assert connection.execute("SELECT name FROM registered_models").fetchall() == [("kept",)]


def test_databases_are_apart_unless_copied(postgresql_server, postgresql_uri):
    with psycopg.connect(postgresql_uri) as connection:
        connection.execute("CREATE TABLE seen (it int)")
    uris = [postgresql_server.database(), postgresql_server.database(template=postgresql_uri)]
    found = []
    for uri in uris:
        with psycopg.connect(uri) as connection:
            found.append(connection.execute("SELECT to_regclass('seen') IS NOT NULL").fetchone())
        postgresql_server.drop(uri)
    assert found == [(False,), (True,)]


#: Starts a server, says where, and is killed.
KILLED = """
import time
from tests.live import postgresql
with postgresql.running() as server:
    print(server.directory, flush=True)
    time.sleep(600)
"""


def test_nothing_stays_when_the_tests_are_killed():
    root = Path(__file__).parents[2]
    process = subprocess.Popen([sys.executable, "-c", KILLED], cwd=root, stdout=subprocess.PIPE, text=True)
    directory = Path(process.stdout.readline().strip())
    server = int((directory / "data" / "postmaster.pid").read_text().splitlines()[0])
    process.send_signal(signal.SIGKILL)
    process.communicate()
    deadline = time.monotonic() + PATIENCE
    while directory.exists() or Path(f"/proc/{server}").exists():
        assert time.monotonic() < deadline, "it is still there"
        time.sleep(0.05)
