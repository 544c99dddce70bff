"""Audits of a real registry on SQLite, from listing to rows."""

from __future__ import annotations

import shutil

import pytest

import mlflow_kerasguard
from mlflow_kerasguard.environment.identity import environment_digest
from mlflow_kerasguard.errors import UsageError
from mlflow_kerasguard.registry.audit.ledger import read_saved
from mlflow_kerasguard.registry.audit.listing import Registry
from mlflow_kerasguard.registry.audit.result import ChangeKind
from mlflow_kerasguard.registry.audit.run import audit
from mlflow_kerasguard.registry.audit.values import Status
from tests.registry.audit.conftest import ODD
from tests.registry.audit.models import NEW, OLD, YOUNG, foreign, guarded, register

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:mlflow")


def words(found, environment=0):
    digest = found.environments[environment].digest
    return {row.label: (row.cells[digest].status.value, row.cells[digest].codes) for row in found.rows}


ON_OLD = {
    "mixed/1": ("compatible", ()),
    "mixed/2": ("incompatible", ("KG201",)),
    "mixed/3": ("not Keras", ()),
    "mixed/4": ("incompatible", ("KG101", "KG114")),
    f"{ODD}/1": ("compatible", ()),
    "sum/1": ("compatible", ()),
    "sum/2": ("incompatible", ("KG201",)),
    "sum/3": ("unreachable", ()),
}


def test_each_kind_is_a_row(fleet):
    told = []
    found = audit([OLD, NEW], tell=lambda done, total: told.append((done, total)))
    assert words(found) == ON_OLD
    assert words(found, 1) == ON_OLD | {"mixed/2": ("compatible", ()), "sum/2": ("compatible", ())}
    assert sorted(told) == [(number, 8) for number in range(1, 9)]
    flavors = {row.label: (row.contents.flavor, row.contents.guarded) for row in found.rows}
    assert flavors["sum/1"] == ("kerasguard", True)
    assert flavors["mixed/1"] == ("keras", False)
    assert flavors["mixed/3"] == ("sklearn", False)
    assert flavors["sum/3"] == ("", False)
    aliases = {row.label: row.listed.aliases for row in found.rows if row.listed.aliases}
    assert aliases == {"sum/1": ("champion",), "mixed/2": ("champion",)}
    assert found.titles["KG201"] == "class is missing from the target Keras"
    assert not found.ok
    digests = [environment_digest(mlflow_kerasguard.against.read_environment(item)) for item in (OLD, NEW)]
    assert [item.digest for item in found.environments] == digests


def test_this_interpreter_is_the_default(fleet):
    found = mlflow_kerasguard.audit(filter="name = 'sum'")
    assert [item.name for item in found.environments] == ["this interpreter"]
    assert len(found.rows) == 3


SELECTIONS = {
    "aliased": ({"aliased": True}, {"mixed/2", "sum/1"}),
    "filter": ({"filter": "name LIKE 's%'"}, {"sum/1", "sum/2", "sum/3"}),
    "both": ({"filter": "name = 'sum'", "aliased": True}, {"sum/1"}),
    "none": ({"filter": "name = 'nobody'"}, set()),
}


@pytest.mark.parametrize(("options", "labels"), SELECTIONS.values(), ids=SELECTIONS)
def test_a_selection(fleet, options, labels):
    assert {row.label for row in audit(NEW, **options).rows} == labels


def test_the_same_environment_twice_is_one(fleet):
    found = audit([NEW, NEW], filter="name = 'sum'")
    assert len(found.environments) == 1


def test_a_version_that_is_not_ready(store):
    from mlflow.entities.model_registry.model_version_status import ModelVersionStatus
    from mlflow.store.model_registry.dbmodels.models import SqlModelVersion
    from mlflow.tracking._model_registry.utils import _get_store

    register("slow", "/nowhere", "/nowhere")
    statuses = [ModelVersionStatus.to_string(item) for item in (1, 2)]
    with _get_store().ManagedSessionMaker(read_only=False) as session:
        for version, status in zip(session.query(SqlModelVersion), statuses, strict=True):
            version.status, version.status_message = status, "the disk is full"
    found = audit(NEW)
    reasons = [cell.reason for row in found.rows for cell in row.cells.values()]
    assert reasons == [f"its registration is {status}: the disk is full" for status in statuses]
    assert found.statuses == {Status.UNREACHABLE}


def test_a_version_that_is_deleted_meanwhile(store, tmp_path, monkeypatch):
    from mlflow import MlflowClient

    register("copied", guarded(tmp_path / "1"))
    register("copies", "models:/copied/1", "models:/copied/1")
    listed = Registry.versions

    def versions(self, *arguments, **options):
        found = listed(self, *arguments, **options)
        MlflowClient().delete_model_version("copies", "1")
        return found

    monkeypatch.setattr(Registry, "versions", versions)
    # As it is where the registry is behind a server: each version is asked for when it is its turn.
    monkeypatch.setattr("mlflow_kerasguard.mlflow_private_registry.storage_locations", lambda client: {})
    found = audit(NEW)
    assert [cell.status.value for row in found.rows for cell in row.cells.values()] == [
        "compatible",
        "unreachable",
        "compatible",
    ]
    assert "the registry doesn't say where its files are" in next(iter(found.rows[1].cells.values())).reason


def test_what_is_saved_is_not_read_again(fleet, tmp_path):
    path = tmp_path / "audit.jsonl"
    first = audit([OLD, NEW], save=path)
    again = audit([OLD, NEW], save=path)
    # What couldn't be reached may be there by now.
    assert again.reused == 7
    assert again.rows == first.rows
    assert again.changes is None


CHANGES = {
    "another kind": (lambda models: _replace(models / "5"), 6),
    "files": (lambda models: _rewrite(models / "1"), 5),
    "environment": (lambda models: None, 0),
    "registry": (lambda models: _describe(), 6),
}


def _rewrite(model):
    shutil.rmtree(model)
    guarded(model, YOUNG)


def _replace(model):
    """Files in the place of others, of which the registry knows nothing."""
    shutil.rmtree(model)
    foreign(model)


def _describe():
    from mlflow import MlflowClient

    MlflowClient().update_model_version("sum", "2", description="changed")


@pytest.mark.parametrize(("change", "reused"), CHANGES.values(), ids=CHANGES)
def test_what_has_changed_is_read_again(fleet, tmp_path, request, change, reused):
    path = tmp_path / "audit.jsonl"
    audit(OLD, save=path)
    change(fleet)
    again = audit(NEW if "environment" in request.node.name else OLD, save=path)
    assert again.reused == reused
    if "files" in request.node.name:
        assert words(again)["sum/1"] == ("incompatible", ("KG201",))


def test_an_interrupted_audit_goes_on(fleet, tmp_path):
    path = tmp_path / "audit.jsonl"

    def interrupt(done, total):
        if done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        audit(OLD, save=path, jobs=1, tell=interrupt)
    kept = read_saved(path).rows
    assert len(kept) == 5
    with path.open("ab") as stream:
        stream.write(b'{"workspace":"default","na')
    found = audit(OLD, save=path)
    finished = [row for row in kept.values() if Status.UNREACHABLE not in {cell.status for cell in row.cells.values()}]
    assert found.reused == len(finished)
    assert words(found) == ON_OLD
    assert len(read_saved(path).rows) == 8


def test_a_selection_keeps_what_was_saved_of_others(fleet, tmp_path):
    path = tmp_path / "audit.jsonl"
    audit(OLD, save=path)
    audit(OLD, save=path, aliased=True)
    assert len(read_saved(path).rows) == 8


def test_since(fleet, tmp_path):
    from mlflow import MlflowClient

    path = tmp_path / "audit.jsonl"
    audit(OLD, save=path)
    _rewrite(fleet / "1")
    MlflowClient().delete_model_version("mixed", "3")
    register("sum", guarded(fleet / "7"))
    found = audit(OLD, save=path, since=path)
    assert [(change.kind, change.version) for change in found.changes] == [
        (ChangeKind.BROKEN, f"{ODD}/1"),
        (ChangeKind.BROKEN, "sum/1"),
        (ChangeKind.NEW, "sum/4"),
        (ChangeKind.GONE, "mixed/3"),
    ]
    assert audit(OLD, since=path).changes == []


def test_two_audits_on_one_file(fleet, tmp_path):
    path = tmp_path / "audit.jsonl"

    def another(done, total):
        with pytest.raises(UsageError, match="another audit writes to"):
            audit(OLD, save=path)

    audit(OLD, save=path, filter="name = 'sum'", tell=another)


MISTAKES = {
    "environment": ({"against": "keras=8"}, "keras=8"),
    "no registry": ({"registry_uri": "sqlite:////nowhere/x.db"}, "there is no registry at"),
    "a registry that is none": ({"registry_uri": "nonsense://x"}, "nonsense://x"),
    "filter": ({"filter": "nonsense"}, "can't be listed"),
    "time limit": ({"time_limit": 0}, "`time_limit` has to be"),
    "jobs": ({"jobs": 0}, "`jobs` has to be"),
    "save": ({"save": "/nowhere/audit.jsonl"}, "can't be saved"),
    "since": ({"since": "/nowhere/audit.jsonl"}, "can't be read"),
}


@pytest.mark.parametrize(("options", "text"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes(fleet, options, text):
    with pytest.raises(UsageError, match=text):
        audit(**{"against": NEW, **options})
