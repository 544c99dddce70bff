"""A PostgreSQL server of Debian's package, with a directory and a socket of its own.

    with postgresql.running() as server:
        uri = server.database()  # postgresql://…, with nothing in it; for `mlflow server --backend-store-uri`

The server runs as `postgres` where the tests run as root, whom PostgreSQL refuses. A process of its own keeps it: it
ends the server and removes the directory when the tests are gone, even by SIGKILL.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shlex
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import IO
from urllib.parse import quote, urlsplit

import psycopg

from tests.live import debian

#: Where Debian's package puts the programs of each release.
PROGRAMS = Path("/usr/lib/postgresql")

#: Nothing has to survive a power cut; many servers hold connections at the same time; nobody outside can ask.
SETTINGS = {
    "listen_addresses": "",
    "max_connections": "200",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "64MB",
}

#: The server's whole life: it ends when the pipe from the tests is closed, and then nothing is left of it.
KEEPER = """
exec 3<&0
{initdb} && {{
    {postgres} 3<&- &
    server=$!
    {{ cat <&3; kill -QUIT $server; }} >/dev/null 2>&1 &
    wait $server
}}
rm -rf {directory}
"""

#: Seconds for a start or an end on a slow machine.
PATIENCE = 60


@dataclass
class PostgreSQL:
    """A server that answers: its directory, and the account that it runs as, which owns every database."""

    directory: Path
    account: str
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def uri(self, database: str) -> str:
        """Where a database is, for SQLAlchemy: behind the server's socket."""
        return f"postgresql://{self.account}@/{database}?host={quote(str(self.directory), safe='/')}"

    def database(self, template: str = "template1") -> str:
        """Create a database.

        Args:
            template: the URI of a database to copy that nobody is connected to, such as one in which MLflow has made
                its tables; by default nothing is in the new one.

        Returns:
            Its URI.
        """
        name = f"test_{next(self._numbers)}"
        self._run(f'CREATE DATABASE {name} TEMPLATE "{_name(template)}"')
        return self.uri(name)

    def drop(self, uri: str) -> None:
        """Remove a database, whoever is connected to it."""
        self._run(f'DROP DATABASE "{_name(uri)}" WITH (FORCE)')

    def _run(self, statement: str) -> None:
        with contextlib.closing(psycopg.connect(self.uri("postgres"))) as connection:
            connection.autocommit = True
            connection.cursor().execute(statement)


def _name(uri: str) -> str:
    return urlsplit(uri).path.lstrip("/")


@contextlib.contextmanager
def running() -> Iterator[PostgreSQL]:
    """Install PostgreSQL where it is missing, and run a new server until the end of the block."""
    if not list(PROGRAMS.glob("*/bin/initdb")):
        debian.install("postgresql")
    account = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
    server = PostgreSQL(directory=Path(tempfile.mkdtemp(prefix="kerasguard-postgresql-")), account=account)
    shutil.chown(server.directory, account)
    with tempfile.TemporaryFile("w+") as log:
        keeper = subprocess.Popen(
            ["sh", "-c", _script(server.directory, account)],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            cwd=server.directory,
            start_new_session=True,
            **({"user": account, "group": account, "extra_groups": []} if os.geteuid() == 0 else {}),
        )
        try:
            _await(server, keeper, log)
            yield server
        finally:
            keeper.communicate(timeout=PATIENCE)


def _script(directory: Path, account: str) -> str:
    # Anybody who reaches the socket is trusted: the directory around it is closed to other accounts.
    options = ["--auth=trust", f"--username={account}", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]
    settings = {**SETTINGS, "unix_socket_directories": str(directory)}
    given = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    data = str(directory / "data")
    return KEEPER.format(
        initdb=shlex.join([_program("initdb"), "-D", data, *options]),
        postgres=shlex.join([_program("postgres"), "-D", data, *given]),
        directory=shlex.quote(str(directory)),
    )


def _program(name: str) -> str:
    """Of the newest release."""
    return str(max(PROGRAMS.glob(f"*/bin/{name}"), key=lambda path: float(path.parts[-3])))


def _await(server: PostgreSQL, keeper: subprocess.Popen, log: IO[str]) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            psycopg.connect(server.uri("postgres")).close()
        except psycopg.OperationalError:
            if keeper.poll() is not None or time.monotonic() > deadline:
                log.seek(0)
                raise AssertionError(log.read()) from None
            time.sleep(0.05)
        else:
            return
