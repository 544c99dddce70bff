"""The policy of a server: read when it starts and whenever it changes, and never left out."""

from __future__ import annotations

import os
import time
from pathlib import Path

import click
import pytest
from mlflow.exceptions import MlflowException

from mlflow_kerasguard.registry import policy_watch
from mlflow_kerasguard.registry import store as plugin
from mlflow_kerasguard.registry.policy_file import read_policy
from mlflow_kerasguard.registry.policy_watch import PolicyWatch, Unusable
from tests.registry.models import NEW, OLD
from tests.registry.stores import POLICY, Registry

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:mlflow")


@pytest.fixture
def registry(tmp_path, _empty_store) -> Registry:
    return Registry(tmp_path, _empty_store)


@pytest.fixture
def two(registry) -> Registry:
    registry.add("guarded", registry.good)
    registry.add("guarded", registry.bad)
    return registry


def code_of(call, *arguments) -> str | None:
    try:
        call(*arguments)
    except MlflowException as error:
        return error.error_code
    return None


def champion(registry: Registry, version: str) -> str | None:
    return code_of(registry.store.set_registered_model_alias, "guarded", "champion", version)


def test_a_change_is_in_force_at_once(two):
    assert champion(two, "2") == "PERMISSION_DENIED"
    two.change(POLICY.replace('"guarded*"', '"others"'))
    assert champion(two, "2") is None
    two.change(POLICY)
    assert champion(two, "2") == "PERMISSION_DENIED"


@pytest.mark.parametrize("text", ["[[guard", "", '[[guard]]\nmodels = ["a"]\n'])
def test_a_broken_one_refuses_what_the_last_one_guards(text, two):
    assert champion(two, "1") is None
    two.change(text)
    assert champion(two, "1") == "INVALID_PARAMETER_VALUE"
    with pytest.raises(MlflowException, match=r"its policy can't be used: `kerasguard\.toml`"):
        two.store.set_registered_model_alias("guarded", "champion", "1")
    assert code_of(two.store.set_registered_model_alias, "guarded", "other", "2") is None
    assert code_of(two.store.delete_registered_model_alias, "guarded", "champion") is None
    two.change(POLICY)
    assert champion(two, "1") is None


def test_one_that_was_never_read_refuses_whatever_could_be_guarded(two):
    two.policy.unlink()
    two.store = two.open()
    calls = [
        (two.store.set_registered_model_alias, "free", "other", "1"),
        (two.store.transition_model_version_stage, "guarded", "1", "Staging", False),
        (two.store.rename_registered_model, "guarded", "free"),
        (two.store.create_model_version, "guarded", "/models/1"),
        (two.store.delete_model_version_tag, "guarded", "1", "kerasguard.record.1"),
    ]
    assert [code_of(*call) for call in calls] == ["INVALID_PARAMETER_VALUE"] * len(calls)
    assert code_of(two.store.create_registered_model, "free") is None
    assert code_of(two.store.delete_model_version, "guarded", "1") is None
    assert code_of(two.store.delete_registered_model, "guarded") is None
    two.change(POLICY)
    assert code_of(two.store.rename_registered_model, "free", "guarded") is None


def test_what_is_being_written_isnt_in_force_yet(two, monkeypatch):
    assert champion(two, "2") == "PERMISSION_DENIED"
    two.policy.write_text(POLICY.replace('"champion", ', ""))
    assert champion(two, "2") == "PERMISSION_DENIED"
    monkeypatch.setattr(policy_watch, "SETTLED_S", 0)
    assert champion(two, "2") is None


def test_a_file_of_the_future_is_settled(two):
    assert champion(two, "2") == "PERMISSION_DENIED"
    two.policy.write_text(POLICY.replace('"champion", ', ""))
    os.utime(two.policy, (time.time() + 3600,) * 2)
    assert champion(two, "2") is None


def test_environments_are_read_again_when_they_change(two, monkeypatch):
    requirements = two.policy.parent / "requirements.txt"
    requirements.write_text("\n".join(NEW.replace("python==3.12", "").split()))
    read: list[str] = []
    original = policy_watch.read_named
    monkeypatch.setattr(policy_watch, "read_named", lambda *given: read.append(given[1]) or original(*given))
    two.change(POLICY.replace(NEW, "requirements.txt python==3.12"))
    assert [champion(two, version) for version in ("1", "1", "2")] == [None, None, "PERMISSION_DENIED"]
    assert read == ["serving"]
    requirements.unlink()
    assert champion(two, "1") == "INVALID_PARAMETER_VALUE"
    requirements.write_text("keras==3.15.1\ntensorflow==2.21.0\n")
    assert champion(two, "1") is None
    assert len(read) == 3
    monkeypatch.setattr(policy_watch, "FRESH_S", 0)
    assert champion(two, "1") is None
    assert len(read) == 4


def test_the_same_guards_elsewhere(two):
    two.change(POLICY.replace(NEW, OLD).replace('models = ["guarded*"]', 'models = ["guarded*"]\nrequire = ["signed"]'))
    assert champion(two, "2") is None


def test_a_directory_is_looked_into(tmp_path):
    packages = tmp_path / "venv" / "lib" / "python3.12" / "site-packages"
    packages.mkdir(parents=True)
    (tmp_path / "kerasguard.toml").write_text(POLICY.replace(NEW, "venv"))
    before = policy_watch._state_of(str(tmp_path / "venv"))
    (packages / "new").mkdir()
    assert policy_watch._state_of(str(tmp_path / "venv")) != before


def test_no_policy_at_all(registry, monkeypatch):
    monkeypatch.delenv("MLFLOW_KERASGUARD_POLICY", raising=False)
    store = plugin.make_store(f"kerasguard+{registry.uri}")
    store.create_registered_model("free")
    with pytest.raises(MlflowException, match="`MLFLOW_KERASGUARD_POLICY` isn't set where the server runs"):
        store.set_registered_model_alias("free", "other", "1")


@pytest.mark.parametrize("command", ["server", "ui"])
@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[guard", "isn't TOML"),
        (POLICY.replace("models", "model"), "line"),
        (POLICY.replace(NEW, "gone/requirements.txt"), "environment `serving`"),
        (None, "can't be read"),
    ],
)
def test_a_server_doesnt_start_without_a_policy_that_can_be_used(text, said, command, registry):
    if text is None:
        registry.policy.unlink()
    else:
        registry.policy.write_text(text)
    with click.Context(click.Command(command), info_name=command), pytest.raises(SystemExit) as caught:
        registry.open()
    assert str(caught.value).startswith("the server isn't started: ")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    with click.Context(click.Command("gc"), info_name="gc"):
        registry.open()


def test_a_server_starts(registry, monkeypatch):
    # What is in the registry can be asked for only when there is a registry.
    registry.policy.write_text(POLICY.replace(NEW, "models:/serving/1"))
    with click.Context(click.Command("server"), info_name="server"):
        registry.open()
        monkeypatch.delenv("MLFLOW_KERASGUARD_POLICY", raising=False)
        with pytest.raises(SystemExit, match="there is no policy: set `MLFLOW_KERASGUARD_POLICY`"):
            plugin.make_store(f"kerasguard+{registry.uri}")
        monkeypatch.setenv("MLFLOW_KERASGUARD_TIMEOUT", "soon")
        with pytest.raises(SystemExit, match="expected seconds"):
            registry.open()


@pytest.mark.parametrize(
    ("uri", "database", "policy"),
    [
        ("kerasguard+sqlite:////a/b.db?policy=/p%20q/k.toml", "sqlite:////a/b.db", "/p q/k.toml"),
        (
            "kerasguard+postgresql+psycopg2://u:p%3F@h/d?host=/s&policy=/k.toml&x=1",
            "postgresql+psycopg2://u:p%3F@h/d?host=/s&x=1",
            "/k.toml",
        ),
        ("kerasguard+mysql://h/d?charset=utf8mb4", "mysql://h/d?charset=utf8mb4", "/from/variable.toml"),
    ],
)
def test_uris(uri, database, policy, monkeypatch):
    monkeypatch.setenv("MLFLOW_KERASGUARD_POLICY", "/from/variable.toml")
    assert plugin._parts_of(uri) == (database, Path(policy))


def test_mlflow_finds_the_plug_in(registry, monkeypatch):
    from mlflow import MlflowClient

    monkeypatch.setenv("MLFLOW_KERASGUARD_POLICY", str(registry.policy))
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", f"kerasguard+{registry.uri}")
    client = MlflowClient()
    client.create_registered_model("guarded")
    client.create_model_version("guarded", str(registry.bad))
    with pytest.raises(MlflowException, match="FromTheFuture"):
        client.set_registered_model_alias("guarded", "champion", "1")


def test_one_that_is_gone_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(policy_watch, "LOOK_S", 0)
    watch = PolicyWatch(tmp_path / "kerasguard.toml")
    for _ in range(2):
        with pytest.raises(Unusable, match=r"^`kerasguard.toml` can't be read"):
            watch.current()
    (tmp_path / "kerasguard.toml").write_text(POLICY)
    monkeypatch.setattr(policy_watch, "SETTLED_S", 0)
    assert watch.current() == read_policy(tmp_path / "kerasguard.toml")
