"""Promotion on a real store: what is decided, and what is written where."""

from __future__ import annotations

import json

import pytest

from mlflow_kerasguard import promote
from mlflow_kerasguard.errors import UsageError
from mlflow_kerasguard.registry.gate import Outcome
from mlflow_kerasguard.registry.promoted import Kind
from mlflow_kerasguard.registry.records import RECORD_TAG, InvalidRecord
from tests.conftest import break_model
from tests.registry.promotion_cases import OLD, UNKNOWN, URI, aliases, guarded, record_of, refused, tags

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:mlflow", "ignore::FutureWarning:alembic")


@pytest.fixture
def client(registered):
    from mlflow import MlflowClient

    return MlflowClient()


def test_an_alias(client):
    done = promote(URI, alias="champion")
    assert (done.done, done.outcome, done.before, done.uri) == (True, Outcome.ALLOWED, None, URI)
    assert aliases(client) == {"champion": "1"}
    record = record_of(client)
    assert (record.verdict, record.rehearsed, record.golden, record.allowed) == ("compatible", False, False, ())
    written = tags(client)
    assert written["kerasguard.verdict"] == "compatible"
    assert written["kerasguard.against"].startswith("this interpreter (Python ")
    assert written["kerasguard.digest"] == f"sha256:{record.signature}"
    assert (written["kerasguard.time"], written["kerasguard.by"]) == (record.time, record.by)
    # There is no run that a report could be stored with.
    assert written["kerasguard.report"].startswith(f"ALLOWED: {URI} may have the alias `champion`")


def test_an_alias_that_moves(client, logged):
    client.create_model_version("scaled", str(logged))
    promote(URI, alias="champion")
    moved = promote("models:/scaled/2", alias="champion")
    assert (moved.before, aliases(client)) == ("1", {"champion": "2"})
    again = promote("models:/scaled@champion", alias="challenger")
    assert (again.version, aliases(client)) == ("2", {"champion": "2", "challenger": "2"})


def test_who_it_was(client, monkeypatch):
    monkeypatch.setenv("LOGNAME", "ann")
    assert promote(URI, alias="champion").by == "ann"
    assert tags(client)["kerasguard.by"] == "ann"


@pytest.mark.parametrize("stage", ["Production", "production"])
def test_a_stage(client, stage):
    done = promote(URI, stage=stage)
    assert str(done.target) == "the stage `Production`"
    assert client.get_model_version("scaled", "1").current_stage == "Production"
    assert record_of(client) is not None


def test_a_copy(client):
    done = promote(URI, to="live")
    copied = client.get_model_version("live", "1")
    assert (done.made, copied.source, done.target.kind) == ("1", URI, Kind.COPY)
    assert record_of(client, "live").model == "live"
    assert record_of(client).model == "scaled"
    # Again: the same copy, and no other.
    assert promote(URI, to="live").made == "1"
    assert "was this copy already" in promote(URI, to="live").notes[0]


def test_a_copy_that_is_newest_no_more_is_made_again(client, logged):
    client.create_model_version("scaled", str(logged))
    promote(URI, to="live")
    promote("models:/scaled/2", to="live")
    assert promote(URI, to="live").made == "3"


def test_a_copy_keeps_no_records_of_others(client):
    client.set_model_version_tag("scaled", "1", f"{RECORD_TAG}0000", "of another environment")
    promote(URI, to="live")
    assert f"{RECORD_TAG}0000" not in tags(client, "live")
    assert f"{RECORD_TAG}0000" in tags(client)


def test_a_copied_verdict_doesnt_count(client):
    promote(URI, alias="champion")
    client.copy_model_version(URI, "live")
    with pytest.raises(InvalidRecord, match="it is about the model 'scaled'"):
        record_of(client, "live")


def test_a_dry_run_changes_nothing(client):
    done = promote(URI, alias="champion", dry_run=True)
    assert (done.done, done.outcome) == (False, Outcome.ALLOWED)
    assert (aliases(client), tags(client)) == ({}, {})
    promote(URI, to="live", dry_run=True)
    assert [model.name for model in client.search_registered_models()] == ["scaled"]


@pytest.mark.parametrize("target", [{"alias": "champion"}, {"stage": "Production"}, {"to": "live"}])
@pytest.mark.parametrize("dry_run", [False, True])
def test_a_refusal_changes_nothing(client, target, dry_run):
    found = refused(URI, **target, against=[OLD], dry_run=dry_run)
    assert (found.outcome, found.done) == (Outcome.REFUSED, False)
    assert found.reasons[0].startswith("it is incompatible in `keras==2.4.0 python==3.8`")
    assert (aliases(client), tags(client)) == ({}, {})
    assert client.get_model_version("scaled", "1").current_stage == "None"
    assert [model.name for model in client.search_registered_models()] == ["scaled"]


def test_a_broken_model(logged, store):
    from mlflow import MlflowClient

    break_model(logged)
    client = MlflowClient()
    client.create_registered_model("scaled")
    client.create_model_version("scaled", str(logged))
    found = refused(URI, alias="champion")
    assert "`from_the_future" in found.reasons[0]
    assert aliases(client) == {}


def test_what_isnt_known_is_undecided(client):
    found = refused(URI, alias="champion", against=UNKNOWN)
    assert found.outcome is Outcome.UNDECIDED
    assert (aliases(client), tags(client)) == ({}, {})


def test_files_that_are_gone_are_undecided(client, logged):
    (logged / "MLmodel").unlink()
    assert refused(URI, alias="champion").outcome is Outcome.UNDECIDED


def test_a_policy_decides_where(client, tmp_path):
    path = guarded(tmp_path, "aliases = ['champion']\nenvironments = ['old']")
    found = refused(URI, alias="champion", policy=path)
    assert (found.policy, [held.name for held in found.environments]) == (str(path), ["old"])
    # It has nothing to say about this alias.
    assert promote(URI, alias="challenger", policy=path).policy is None


def test_against_adds_to_a_policy(client, tmp_path):
    path = guarded(tmp_path, "aliases = ['champion']\nenvironments = ['here']")
    assert promote(URI, alias="champion", policy=path).policy == str(path)
    found = refused(URI, alias="champion", policy=path, against=["old"])
    assert [held.name for held in found.environments] == ["here", "old"]
    weaker = guarded(tmp_path, "aliases = ['champion']\nenvironments = ['old']")
    assert refused(URI, alias="champion", policy=weaker, against=["here"]).outcome is Outcome.REFUSED


def test_a_policy_that_demands_no_environment(client, tmp_path):
    path = guarded(tmp_path, "aliases = ['champion']\nrequire = ['signed']")
    done = promote(URI, alias="champion", policy=path)
    assert done.environments == ()
    assert tags(client)["kerasguard.verdict"] == "unjudged"
    assert refused(URI, alias="champion", policy=path, against=[OLD]).outcome is Outcome.REFUSED


def test_a_policy_is_found(client, tmp_path, monkeypatch):
    path = guarded(tmp_path, "stages = ['Production']\nversions = true\nenvironments = ['old']")
    monkeypatch.setenv("MLFLOW_KERASGUARD_POLICY", str(path))
    assert refused(URI, stage="production").policy == str(path)
    # It is the model that versions are copied to which is guarded.
    assert promote(URI, to="live").policy is None
    client.create_registered_model("other")
    client.create_model_version("other", "nowhere")
    assert refused("models:/other/1", to="scaled").policy == str(path)


def test_an_exemption_is_recorded(client, tmp_path):
    path = guarded(tmp_path, "aliases = ['champion']\nenvironments = ['old']")
    codes = {finding.code for finding in refused(URI, alias="champion", policy=path).environments[0].report.errors}
    codes |= {item.rule.code for item in refused(URI, alias="champion", policy=path).environments[0].report.undecided}
    allow = "".join(f"\n[[guard.allow]]\ncode = '{code}'\nreason = 'patched'" for code in codes)
    path = guarded(tmp_path, f"aliases = ['champion']\nenvironments = ['old']{allow}")
    done = promote(URI, alias="champion", policy=path)
    assert {item.code for item in done.environments[0].exempted} == codes
    (record,) = (json.loads(value) for key, value in tags(client).items() if key.startswith(RECORD_TAG))
    assert set(record["allowed"]) == codes


def test_what_only_a_load_can_show(client, tmp_path):
    path = guarded(
        tmp_path, "aliases = ['champion']\nenvironments = ['here']\nrequire = ['golden-verified', 'rehearsed']"
    )
    found = refused(URI, alias="champion", policy=path)
    assert found.reasons == (
        "it wasn't golden-verified nor rehearsed in `here`; `kerasguard promote --rehearse` does it in `here`",
    )
    assert tags(client) == {}


def test_a_load_here(client, tmp_path):
    """A fresh process loads it; what it shows counts from then on, and other promotions keep it."""
    path = guarded(
        tmp_path, "aliases = ['champion']\nenvironments = ['here']\nrequire = ['golden-verified', 'rehearsed']"
    )
    done = promote(URI, alias="champion", policy=path, rehearse=True)
    assert done.rehearsals["here"].result.value == "same predictions"
    assert (done.environments[0].rehearsed, done.environments[0].golden) == (True, True)
    promote(URI, alias="champion", policy=path)
    promote(URI, alias="challenger", against="here", policy=path)
    record = record_of(client)
    assert (record.rehearsed, record.golden) == (True, True)
    assert promote(URI, alias="champion", policy=path).environments[0].rehearsed


def test_a_load_that_fails(logged, store, tmp_path):
    """The check believes the signature; the load sees that the file was changed."""
    from mlflow import MlflowClient

    client = MlflowClient()
    client.create_registered_model("scaled")
    client.create_model_version("scaled", str(logged))
    (logged / "data" / "model.keras").write_bytes(b"other bytes")
    found = refused(URI, alias="champion", rehearse=True)
    assert found.outcome is Outcome.REFUSED
    assert found.reasons == ("it was rehearsed in `this interpreter`: it isn't safe to load, so nothing of it was run",)
    assert aliases(client) == {}


def test_a_model_without_a_signature(logged, store, tmp_path):
    import yaml
    from mlflow import MlflowClient

    (logged / "MLmodel").write_text(yaml.safe_dump({"flavors": {"sklearn": {}, "python_function": {}}}))
    client = MlflowClient()
    client.create_registered_model("scaled")
    client.create_model_version("scaled", str(logged))
    assert "another flavor" in refused(URI, alias="champion").reasons[0]
    path = guarded(tmp_path, "aliases = ['champion']\nenvironments = ['here']\nunsigned = 'pass'")
    done = promote(URI, alias="champion", policy=path)
    assert (done.signature, done.environments) == (None, ())
    assert tags(client)["kerasguard.verdict"] == "unjudged"
    assert "can't be rehearsed" in refused(URI, alias="champion", policy=path, rehearse=True).reasons[0]


def test_a_key(client, monkeypatch):
    monkeypatch.setenv("MLFLOW_KERASGUARD_RECORD_KEY", "secret")
    promote(URI, alias="champion")
    assert record_of(client, key=b"secret").model == "scaled"
    with pytest.raises(InvalidRecord):
        record_of(client, key=b"other")
    before = tags(client)
    monkeypatch.delenv("MLFLOW_KERASGUARD_RECORD_KEY")
    with pytest.raises(UsageError, match="set `MLFLOW_KERASGUARD_RECORD_KEY` to promote it"):
        promote(URI, alias="challenger")
    assert (tags(client), aliases(client)) == (before, {"champion": "1"})


def test_a_record_that_was_edited_is_written_anew(client):
    promote(URI, alias="champion")
    ((name, text),) = ((key, value) for key, value in tags(client).items() if key.startswith(RECORD_TAG))
    client.set_model_version_tag("scaled", "1", name, text.replace('"rehearsed":false', '"rehearsed":true'))
    promote(URI, alias="champion")
    assert record_of(client).rehearsed is False
