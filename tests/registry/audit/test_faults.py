"""Registries that mean harm, or have come to some: no audit hangs, crashes or goes on for ever."""

from __future__ import annotations

import socket
import sys
import threading

import pytest

from mlflow_kerasguard.errors import KerasGuardError, UsageError
from mlflow_kerasguard.registry.audit.listing import Registry
from mlflow_kerasguard.registry.audit.run import audit
from mlflow_kerasguard.registry.audit.values import Status
from tests.registry.audit.models import NEW, guarded, register

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:mlflow")


def words(found):
    cells = {row.label: next(iter(row.cells.values())) for row in found.rows}
    return {label: (cell.status.value, cell.codes) for label, cell in cells.items()}


BOMB = """\
a: &a [x, x, x, x, x, x, x, x, x, x]
b: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a, *a]
c: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b, *b]
d: &d [*c, *c, *c, *c, *c, *c, *c, *c, *c, *c]
e: &e [*d, *d, *d, *d, *d, *d, *d, *d, *d, *d]
f: &f [*e, *e, *e, *e, *e, *e, *e, *e, *e, *e]
g: &g [*f, *f, *f, *f, *f, *f, *f, *f, *f, *f]
h: &h [*g, *g, *g, *g, *g, *g, *g, *g, *g, *g]
i: &i [*h, *h, *h, *h, *h, *h, *h, *h, *h, *h]
flavors:
  {flavor}: {{model_file: *i, data: *i, signature_sha256: *i}}
  python_function: {{code: *i}}
"""


@pytest.mark.parametrize("flavor", ["kerasguard", "keras", "sklearn"])
def test_a_small_file_that_stands_for_a_large_one(store, tmp_path, flavor):
    model = guarded(tmp_path / "1")
    (model / "MLmodel").write_text(BOMB.format(flavor=flavor))
    register("bomb", model)
    (cell,) = audit(NEW, time_limit=20).rows[0].cells.values()
    assert cell.status in {Status.INCOMPATIBLE, Status.NOT_KERAS}


def test_what_ends_its_process_is_to_blame_alone(store, tmp_path, monkeypatch):
    """A limit on memory that nothing fits in is as good as a version that takes all of it."""
    for number in range(3):
        register("sum", guarded(tmp_path / str(number)))
    monkeypatch.setattr(
        "mlflow_kerasguard.registry.audit.process._CODE",
        "import json, os, sys\n"
        "sys.path[:] = json.loads(sys.argv[1])\n"
        "from mlflow_kerasguard.registry.audit import reading, worker\n"
        "read = reading.read_local\n"
        "reading.read_local = lambda place, s: os.abort() if place.name == '1' else read(place, s)\n"
        "worker.main()\n",
    )
    found = audit(NEW, jobs=1)
    assert [status for status, _ in words(found).values()] == ["compatible", "unreachable", "compatible"]
    assert (
        "reading it ended the process that did: it ended with status -6"
        in next(iter(found.rows[1].cells.values())).reason
    )


def test_processes_that_never_begin(store, tmp_path, monkeypatch):
    register("sum", guarded(tmp_path / "1"))
    monkeypatch.setattr("mlflow_kerasguard.registry.audit.process._CODE", "import time; time.sleep(600)")
    monkeypatch.setattr("mlflow_kerasguard.registry.audit.process.STARTING_S", 0.5)
    with pytest.raises(KerasGuardError, match="the processes that read versions don't work"):
        audit(NEW)


def test_a_registry_that_stops_answering(store, tmp_path, monkeypatch):
    asked = []

    def location(self, version):
        asked.append(version.version)
        raise LookupError("no route to host") from ConnectionError("no route to host")

    guarded(tmp_path / "1")
    register("sum", *[tmp_path / "1"] * 6)
    monkeypatch.setattr(Registry, "location", location)
    found = audit(NEW)
    assert asked == ["1", "2", "3"]
    reasons = [next(iter(row.cells.values())).reason for row in found.rows]
    assert reasons[2].endswith("doesn't say where its files are: no route to host")
    assert reasons[3] == "the registry stopped answering, and wasn't asked where its files are"


def test_processes_that_never_work(store, tmp_path, monkeypatch):
    register("sum", guarded(tmp_path / "1"))
    monkeypatch.setattr("mlflow_kerasguard.registry.audit.process._CODE", "import sys; sys.exit('no such thing')")
    with pytest.raises(KerasGuardError, match=r"the processes that read versions don't work: .* no such thing"):
        audit(NEW)


@pytest.mark.parametrize(("text", "expected"), [("keras==3.8.0\n", "an environment changed"), ("keras=8\n", "keras=8")])
def test_an_environment_that_changes_while_it_is_read(fleet, tmp_path, monkeypatch, text, expected):
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("keras==3.15.1\n")
    listed = Registry.versions

    def versions(self, *arguments, **options):
        requirements.write_text(text)
        return listed(self, *arguments, **options)

    monkeypatch.setattr(Registry, "versions", versions)
    with pytest.raises(UsageError, match=expected):
        audit(requirements)


def test_a_store_that_never_answers(store, tmp_path, monkeypatch):
    """What answers nothing is given up, and isn't asked for ever."""
    patience = 8
    monkeypatch.setattr("mlflow_kerasguard.registry.audit.workers.PATIENCE", patience)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/api/2.0/mlflow-artifacts/artifacts"
        count = 3 * patience
        register("silent", *(f"{address}/{number}" for number in range(count)))
        register("sound", guarded(tmp_path / "1"))
        found = audit(NEW, time_limit=2, jobs=1)
    statuses = {label: status for label, (status, _) in words(found).items()}
    assert statuses.pop("sound/1") == "compatible"
    assert set(statuses.values()) == {"unreachable"}
    reasons = {next(iter(row.cells.values())).reason for row in found.rows}
    assert any("didn't answer for 8 versions in a row" in reason for reason in reasons)
    assert threading.active_count() < 20


@pytest.fixture
def without_mlflow(monkeypatch):
    """As in a process that hasn't imported it: the registry is listed by another one."""
    monkeypatch.delitem(sys.modules, "mlflow")


ENDS = ("import os; os._exit(3)", """print('{"uri": "u", "versions": 7}\\n[]\\n{"half')""", """print('{"uri": "u"')""")


@pytest.mark.parametrize("code", ENDS)
def test_the_process_that_lists_ends(code, without_mlflow, monkeypatch):
    monkeypatch.setattr("mlflow_kerasguard.registry.audit.process._CODE", code)
    with pytest.raises(UsageError, match="can't be listed: the process that asked it ended"):
        # More than the pipe to it holds.
        audit("keras==3.8.0 python==3.11", registry_uri="sqlite:///gone.db", filter="x" * (1 << 20))


def test_what_another_process_lists(without_mlflow, tmp_path):
    with pytest.raises(UsageError, match="there is no registry at"):
        audit("keras==3.8.0 python==3.11", registry_uri=f"sqlite:///{tmp_path}/gone.db")
