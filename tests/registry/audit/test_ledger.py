"""The file of an audit, whatever becomes of it, and what two of them differ in."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlflow_kerasguard.errors import UsageError
from mlflow_kerasguard.registry.audit.comparing import changes
from mlflow_kerasguard.registry.audit.ledger import Ledger, Saved, read_saved
from mlflow_kerasguard.registry.audit.result import ChangeKind
from mlflow_kerasguard.registry.audit.values import (
    AuditedEnvironment,
    Cell,
    Contents,
    RegisteredVersion,
    Row,
    Status,
)

REGISTRY = "sqlite:///mlflow.db"
ENVIRONMENTS = [AuditedEnvironment(name=name, description=name, digest=f"digest of {name}") for name in ("a", "b")]

texts = st.text(max_size=12)
cells = st.builds(Cell, status=st.sampled_from(Status), codes=st.lists(texts, max_size=2).map(tuple), reason=texts)
rows = st.builds(
    Row,
    listed=st.builds(
        RegisteredVersion,
        workspace=texts,
        name=texts,
        version=st.integers(1, 99).map(str),
        aliases=st.lists(texts, max_size=2).map(tuple),
        source=texts,
        updated=st.integers(0, 2**53),
    ),
    contents=st.builds(
        Contents, flavor=texts, summary=texts, signature_sha256=st.none() | st.just("0" * 64), stamp=texts
    ),
    cells=st.fixed_dictionaries({item.digest: cells for item in ENVIRONMENTS}),
)
registries = st.lists(rows, max_size=6, unique_by=lambda row: row.key)


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("ledger") / "audit.jsonl"


def write(path, items):
    path.unlink(missing_ok=True)
    with Ledger(path, REGISTRY) as ledger:
        ledger.begin(ENVIRONMENTS)
        for row in items:
            ledger.add(row)


@given(registries)
def test_what_was_saved_is_read(path, items):
    write(path, items)
    saved = read_saved(path)
    assert list(saved.rows.values()) == items
    assert list(saved.environments) == ENVIRONMENTS
    assert saved.registry == REGISTRY


@given(registries, st.data())
@settings(max_examples=50)
def test_an_interruption_loses_the_last_line_at_most(path, items, data):
    write(path, items)
    content = path.read_bytes()
    kept = content[: data.draw(st.integers(0, len(content)))]
    path.write_bytes(kept)
    whole = max(0, kept.count(b"\n") - 2)
    assert list(read_saved(path).rows.values()) == items[:whole]
    with Ledger(path, REGISTRY) as ledger:
        ledger.begin(ENVIRONMENTS)
        for row in items[whole:]:
            ledger.add(row)
    assert list(read_saved(path).rows.values()) == items


@given(registries, registries)
def test_what_is_finished_has_what_holds(path, before, after):
    write(path, before)
    with Ledger(path, REGISTRY) as ledger:
        ledger.finish(ENVIRONMENTS, after)
    assert list(read_saved(path).rows.values()) == after


def test_a_later_line_counts(path):
    first = Row(listed=RegisteredVersion(workspace="w", name="n", version="1"), cells={"d": Cell(status=Status.UNSAFE)})
    second = Row(listed=first.listed, cells={"d": Cell(status=Status.COMPATIBLE)})
    write(path, [first, second])
    assert list(read_saved(path).rows.values()) == [second]


WRONG = {
    "other JSON": b"{}\n",
    "other lines": b"hello\n",
    "another kind": b'{"kind": "report", "ledger_version": 1, "registry": ""}\n',
    "a later layout": b'{"kind": "kerasguard audit", "ledger_version": 2, "registry": ""}\n',
    "a list": b"[]\n",
    "a row that isn't": b'{"kind": "kerasguard audit", "ledger_version": 1, "registry": ""}\n{"name": 1}\n',
}


@pytest.mark.parametrize("content", WRONG.values(), ids=WRONG)
def test_something_else(tmp_path, content):
    path = tmp_path / "other.txt"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=r"line [12], isn't of an audit's file"):
        read_saved(path)
    with pytest.raises(UsageError, match="isn't of an audit's file"):
        Ledger(path, REGISTRY)
    assert path.read_bytes() == content


def test_of_another_registry(path):
    write(path, [])
    with pytest.raises(UsageError, match=r"is an audit of `sqlite:///mlflow.db`, and this one is of `x`"):
        Ledger(path, "x")


@pytest.mark.parametrize("place", ["/tmp", "/dev/zero"])
def test_what_is_no_file(place):
    for function in (read_saved, lambda path: Ledger(path, REGISTRY)):
        with pytest.raises(UsageError, match="isn't a file"):
            function(Path(place))


def test_where_there_is_nothing(tmp_path):
    with pytest.raises(UsageError, match="can't be read: No such file"):
        read_saved(tmp_path / "x")
    with pytest.raises(UsageError, match=r"can't be saved to .*: No such file"):
        Ledger(tmp_path / "nothing" / "x", REGISTRY)


def test_it_belongs_to_one_process(path):
    write(path, [])
    code = (
        "import sys; from pathlib import Path\n"
        "from mlflow_kerasguard.registry.audit.ledger import Ledger\n"
        f"Ledger(Path(sys.argv[1]), {REGISTRY!r})"
    )
    with Ledger(path, REGISTRY):
        done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True)
        assert f"another audit writes to `{path}`" in done.stderr
    assert subprocess.run([sys.executable, "-c", code, path]).returncode == 0


def test_a_disk_that_is_full(tmp_path):
    """As far as a limit on the size of files is one."""
    code = (
        "import resource, sys; from pathlib import Path\n"
        "from mlflow_kerasguard.registry.audit.ledger import Ledger\n"
        f"ledger = Ledger(Path(sys.argv[1]), {REGISTRY!r})\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))\n"
        "ledger.begin([])\n"
    )
    path = tmp_path / "audit.jsonl"
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True)
    assert f"UsageError: the audit can't be saved to `{path}`: File too large" in done.stderr


@given(registries)
def test_nothing_has_changed_since_itself(items):
    saved = Saved(environments=ENVIRONMENTS, rows={row.key: row for row in items})
    assert changes(saved, ENVIRONMENTS, items, whole=True) == []


@given(registries, registries)
def test_new_and_gone_are_what_one_alone_has(before, after):
    saved = Saved(environments=ENVIRONMENTS, rows={row.key: row for row in before})
    found = changes(saved, ENVIRONMENTS, after, whole=True)
    old, new = {row.key for row in before}, {row.key for row in after}
    counts = [sum(change.kind is kind for change in found) for kind in (ChangeKind.NEW, ChangeKind.GONE)]
    assert counts == [len(new - old), len(old - new)]
    assert not [c for c in changes(saved, ENVIRONMENTS, after, whole=False) if c.kind is ChangeKind.GONE]


KINDS = {
    (Status.COMPATIBLE, Status.INCOMPATIBLE): ChangeKind.BROKEN,
    (Status.UNDECIDED, Status.UNSAFE): ChangeKind.BROKEN,
    (Status.UNREACHABLE, Status.INCOMPATIBLE): ChangeKind.BROKEN,
    (Status.INCOMPATIBLE, Status.COMPATIBLE): ChangeKind.MENDED,
    (Status.UNSAFE, Status.COMPATIBLE): ChangeKind.MENDED,
    (Status.INCOMPATIBLE, Status.UNSAFE): ChangeKind.CHANGED,
    (Status.INCOMPATIBLE, Status.UNDECIDED): ChangeKind.CHANGED,
    (Status.COMPATIBLE, Status.UNREACHABLE): ChangeKind.CHANGED,
    (Status.UNREACHABLE, Status.COMPATIBLE): ChangeKind.CHANGED,
}


def row(status, digest, codes=()):
    listed = RegisteredVersion(workspace="default", name="n", version="1")
    return Row(listed=listed, cells={digest: Cell(status=status, codes=codes)})


@pytest.mark.parametrize(("pair", "kind"), KINDS.items(), ids=str)
def test_what_has_become_of_a_version(pair, kind):
    """By the environment's name: what is behind it has changed here."""
    before, after = row(pair[0], "old"), row(pair[1], "new")
    saved = Saved(
        environments=[AuditedEnvironment(name="lock", description="", digest="old")], rows={before.key: before}
    )
    now = [AuditedEnvironment(name="lock", description="", digest="new")]
    (found,) = changes(saved, now, [after], whole=True)
    assert (found.kind, found.version, found.environment) == (kind, "n/1", "lock")
    assert json.loads(json.dumps(found.to_dict()))["before"]["status"] == pair[0].value


def test_other_reasons_are_a_change():
    before, after = row(Status.INCOMPATIBLE, "d", ("KG201",)), row(Status.INCOMPATIBLE, "d", ("KG301",))
    environments = [AuditedEnvironment(name="x", description="", digest="d")]
    renamed = [AuditedEnvironment(name="y", description="", digest="d")]
    (found,) = changes(Saved(environments=environments, rows={before.key: before}), renamed, [after], whole=True)
    assert found.kind is ChangeKind.CHANGED


def test_a_version_that_the_earlier_audit_did_not_finish():
    before = Row(listed=row(Status.UNSAFE, "d").listed, cells={})
    saved = Saved(environments=ENVIRONMENTS[:1], rows={before.key: before})
    after = row(Status.UNSAFE, ENVIRONMENTS[0].digest)
    assert changes(saved, ENVIRONMENTS[:1], [after], whole=True) == []


def test_nothing_in_common():
    with pytest.raises(UsageError, match=r"has other environments \(`a`\)"):
        changes(Saved(environments=ENVIRONMENTS[:1]), ENVIRONMENTS[1:], [], whole=True)
    with pytest.raises(UsageError, match=r"\(none\)"):
        changes(Saved(), ENVIRONMENTS, [], whole=True)
