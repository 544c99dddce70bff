"""Every call that a policy can guard, on a real registry in SQLite: what passes, what is refused and what it says."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from mlflow.entities.model_registry import ModelVersionTag, RegisteredModelTag
from mlflow.exceptions import MlflowException

from mlflow_kerasguard.registry import guards_in_force
from tests.registry.models import foreign, other
from tests.registry.stores import POLICY, Registry

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:mlflow")


@pytest.fixture
def registry(tmp_path, _empty_store) -> Registry:
    return Registry(tmp_path, _empty_store)


@pytest.fixture
def two(registry) -> Registry:
    """Version 1 is good, version 2 bad."""
    registry.add("guarded", registry.good)
    registry.add("guarded", registry.bad)
    return registry


def refused(call: Any, *arguments: Any, **options: Any) -> str:
    """The text of a refusal with status 403."""
    with pytest.raises(MlflowException) as caught:
        call(*arguments, **options)
    assert (caught.value.error_code, caught.value.get_http_status_code()) == ("PERMISSION_DENIED", 403)
    assert "\n" not in caught.value.message
    assert caught.value.message.endswith(" Nothing was changed.")
    return caught.value.message


def undecided(call: Any, *arguments: Any, **options: Any) -> str:
    """The text of a refusal with status 400."""
    with pytest.raises(MlflowException) as caught:
        call(*arguments, **options)
    assert (caught.value.error_code, caught.value.get_http_status_code()) == ("INVALID_PARAMETER_VALUE", 400)
    assert "\n" not in caught.value.message
    return caught.value.message


def test_an_alias(two):
    two.store.set_registered_model_alias("guarded", "champion", "1")
    message = refused(two.store.set_registered_model_alias, "guarded", "champion", "2")
    assert two.aliases("guarded") == {"champion": "1"}
    assert message.startswith(
        "The alias `champion` of `guarded` isn't set to version 2: the registry's policy `kerasguard.toml`"
    )
    assert "keras.layers.FromTheFuture" in message
    assert str(two.policy.parent) not in message


@pytest.mark.parametrize("alias", ["CHAMPION", "prod-eu"])
def test_an_alias_by_its_pattern(alias, two):
    refused(two.store.set_registered_model_alias, "guarded", alias, "2")


@pytest.mark.parametrize(("name", "alias"), [("guarded", "challenger"), ("free", "champion")])
def test_an_alias_that_nobody_guards(name, alias, two):
    two.add("free", two.bad)
    two.add("free", two.bad)
    two.store.set_registered_model_alias(name, alias, "2")
    assert two.aliases(name) == {alias: "2"}


def test_an_alias_is_taken_away(two):
    two.store.set_registered_model_alias("guarded", "champion", "1")
    two.store.delete_registered_model_alias("guarded", "champion")
    assert two.aliases("guarded") == {}


@pytest.mark.parametrize("stage", ["Production", "production"])
def test_a_stage(stage, two):
    assert "doesn't go to the stage" in refused(two.store.transition_model_version_stage, "guarded", "2", stage, False)
    assert two.store.transition_model_version_stage("guarded", "1", stage, False).current_stage == "Production"
    assert two.store.get_model_version("guarded", "2").current_stage == "None"


def test_a_stage_that_nobody_guards(two):
    two.store.transition_model_version_stage("guarded", "2", "Staging", False)
    assert two.store.get_model_version("guarded", "2").current_stage == "Staging"


def test_versions_that_are_archived_by_the_way(two):
    two.store.transition_model_version_stage("guarded", "2", "Staging", False)
    two.change(POLICY.replace('stages = ["Production"]', 'stages = ["Archived"]'))
    message = refused(two.store.transition_model_version_stage, "guarded", "1", "Staging", True)
    assert "and version 2 doesn't pass" in message
    assert two.store.get_model_version("guarded", "2").current_stage == "Staging"
    two.store.transition_model_version_stage("guarded", "1", "Staging", False)


VERSIONS = POLICY.replace('aliases = ["champion", "prod-*"]', "versions = true")


def test_a_version_from_a_path(registry):
    registry.change(VERSIONS)
    assert registry.add("guarded", registry.good) == "1"
    message = refused(registry.add, "guarded", registry.bad)
    assert message.startswith(f"No version of `guarded` is made from `{registry.bad}`")
    assert [it.version for it in registry.store.search_model_versions("name = 'guarded'")] == [1]


def test_a_copy(registry):
    registry.change(VERSIONS)
    registry.add("free", registry.good)
    registry.add("free", registry.bad)
    registry.add("guarded", "models:/free/1")
    made = registry.store.get_model_version("guarded", "1")
    assert registry.store.get_model_version_download_uri("guarded", "1") == str(registry.good)
    assert made.source == "models:/free/1"
    assert "version 2 of `free` doesn't pass" in refused(registry.add, "guarded", "models:/free/2")


def test_a_copy_of_nothing(registry):
    registry.change(VERSIONS)
    registry.store.create_registered_model("guarded")
    with pytest.raises(MlflowException, match="Unable to fetch model from model URI"):
        registry.store.create_model_version("guarded", "models:/free/1")


def test_the_stage_of_a_new_version(registry):
    registry.change(POLICY.replace('stages = ["Production"]', 'stages = ["None"]'))
    refused(registry.add, "guarded", registry.bad)


def test_a_version_in_no_model(registry):
    registry.change(VERSIONS)
    with pytest.raises(MlflowException, match="Registered Model with name=guarded not found"):
        registry.store.create_model_version("guarded", str(registry.good))


@pytest.mark.parametrize("what", ["alias", "stage"])
def test_a_new_name(what, registry):
    for source in (registry.good, registry.bad):
        registry.add("free", source)
    put = {
        "alias": lambda version: registry.store.set_registered_model_alias("free", "champion", version),
        "stage": lambda version: registry.store.transition_model_version_stage("free", version, "Production", False),
    }[what]
    put("2")
    message = refused(registry.store.rename_registered_model, "free", "guarded-too")
    assert message.startswith("`free` isn't renamed to `guarded-too`")
    assert "version 2" in message
    registry.store.rename_registered_model("free", "as-free")
    registry.store.rename_registered_model("as-free", "free")
    if what == "alias":
        put("1")
    else:
        registry.store.transition_model_version_stage("free", "2", "Archived", False)
    registry.store.rename_registered_model("free", "guarded-too")
    assert registry.store.get_registered_model("guarded-too").name == "guarded-too"


def test_a_new_name_where_versions_count(registry):
    registry.change(VERSIONS)
    registry.add("free", registry.good)
    registry.add("free", registry.bad)
    refused(registry.store.rename_registered_model, "free", "guarded")
    registry.store.delete_model_version("free", "2")
    registry.store.rename_registered_model("free", "guarded")


def test_models_of_other_flavors_pass_as_the_policy_says(registry, tmp_path):
    registry.add("guarded", foreign(tmp_path / "foreign"))
    registry.add("guarded", other(tmp_path / "other"))
    for version in ("1", "2"):
        assert "another flavor" in refused(registry.store.set_registered_model_alias, "guarded", "champion", version)
    registry.change(POLICY + 'unsigned = "pass"\n')
    for version in ("1", "2"):
        registry.store.set_registered_model_alias("guarded", "champion", version)


def test_prompts_are_no_models(registry):
    registry.change(POLICY.replace("[[guard]]\n", "[[guard]]\nversions = true\n"))
    registry.add("guarded", "prompt-template", tags=[ModelVersionTag("mlflow.prompt.text", "Say {{it}}")])
    registry.store.set_registered_model_alias("guarded", "champion", "1")
    assert registry.aliases("guarded") == {"champion": "1"}


def test_the_tag_of_a_prompt_makes_none_of_a_model(two):
    two.store.set_registered_model_tag("guarded", RegisteredModelTag("mlflow.prompt.is_prompt", "true"))
    two.store.set_model_version_tag("guarded", "2", ModelVersionTag("mlflow.prompt.is_prompt", "true"))
    refused(two.store.set_registered_model_alias, "guarded", "champion", "2")


@pytest.mark.parametrize("version", ["7", 7])
def test_what_isnt_there_is_told_by_mlflow(version, two):
    with pytest.raises(MlflowException, match=r"Model Version \(name=guarded, version=7\) not found"):
        two.store.set_registered_model_alias("guarded", "champion", version)
    with pytest.raises(MlflowException, match="not found"):
        two.store.set_registered_model_alias("guarded-but-not-there", "champion", version)
    with pytest.raises(MlflowException, match="integer"):
        two.store.set_registered_model_alias("guarded", "champion", "one")


def test_a_deleted_version(two):
    two.store.set_registered_model_alias("guarded", "champion", "1")
    two.store.delete_model_version("guarded", 1)
    assert two.aliases("guarded") == {}
    with pytest.raises(MlflowException, match="not found"):
        two.store.set_registered_model_alias("guarded", "champion", "1")
    two.store.delete_registered_model("guarded")


def test_what_was_logged_changes_afterwards(two):
    two.store.set_registered_model_alias("guarded", "champion", "1")
    shutil.rmtree(two.good)
    shutil.copytree(two.bad, two.good)
    refused(two.store.set_registered_model_alias, "guarded", "champion", "1")


def test_the_model_is_gone_from_its_store(two):
    shutil.rmtree(two.good)
    message = undecided(two.store.set_registered_model_alias, "guarded", "champion", "1")
    assert "whether version 1 passes isn't known" in message
    assert "MLmodel" in message
    assert message.endswith("Nothing was changed; try again when that is mended.")


def test_an_environment_cant_be_read(two):
    two.change(POLICY.replace('serving = "', 'serving = "gone/requirements.txt" # '))
    message = undecided(two.store.set_registered_model_alias, "guarded", "champion", "1")
    assert "environment `serving`" in message
    assert str(two.policy.parent) not in message


def test_nothing_of_a_model_is_read_but_its_signature(two):
    (two.good / "data" / "model.keras").unlink()
    (two.good / "data" / "model.keras").mkdir()
    (two.good / "data" / "model.keras" / "part").touch()
    assert "KG1" in refused(two.store.set_registered_model_alias, "guarded", "champion", "1")
    shutil.rmtree(two.good / "data" / "model.keras")
    # Only its name counts: what is in it is for whoever loads it to see.
    (two.good / "data" / "model.keras").write_bytes(b"not read")
    two.store.set_registered_model_alias("guarded", "champion", "1")


@pytest.mark.parametrize("database", sorted(guards_in_force.LOOSE_DATABASES))
def test_a_database_that_takes_spellings_for_the_same(database, two):
    two.change(POLICY.replace("[[guard]]\n", "[[guard]]\nversions = true\n"))
    policy = two.store._guarding._watch.current()
    for name, alias in (("guarded", "chàmpion"), ("guàrded", "champion"), ("guarded", "x\N{ZERO WIDTH SPACE}")):
        assert guards_in_force.of_alias(policy, database, name, alias)
        assert not guards_in_force.of_alias(policy, "postgresql", name, alias)
    assert guards_in_force.of_alias(policy, database, "guarded", "Champion ")
    assert not guards_in_force.of_alias(policy, database, "free", "champion")
    for of in (guards_in_force.of_versions, guards_in_force.about):
        assert of(policy, database, "guàrded")
        assert not of(policy, database, "free")
    assert guards_in_force.of_stage(policy, database, "guàrded", "Production")
    assert guards_in_force.may_be_tag(database, "kérasguard.record.1", "kerasguard.record.")
    assert not guards_in_force.may_be_tag(database, "mine", "kerasguard.record.")


def test_artifacts_that_are_the_working_directorys(registry, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    registry.add("guarded", "good")
    registry.add("guarded", Path(tmp_path / "good").as_uri())
    registry.store.set_registered_model_alias("guarded", "champion", "1")
    registry.store.set_registered_model_alias("guarded", "champion", "2")
