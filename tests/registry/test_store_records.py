"""Records that an alias needs: they stay as long as the alias does, and count for no other version."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest
from mlflow.entities.model_registry import ModelVersionTag
from mlflow.exceptions import MlflowException

from mlflow_kerasguard.against import read_environment
from mlflow_kerasguard.artifact import SIGNATURE
from mlflow_kerasguard.environment.identity import facts_digest
from mlflow_kerasguard.integrity import sha256_of
from mlflow_kerasguard.registry.records import Record
from tests.registry.models import NEW
from tests.registry.stores import POLICY, Registry

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:mlflow")

REHEARSED = POLICY + 'require = ["compatible", "rehearsed"]\n'


@pytest.fixture
def registry(tmp_path, _empty_store) -> Registry:
    made = Registry(tmp_path, _empty_store)
    made.change(REHEARSED)
    made.add("guarded", made.good)
    return made


def record_of(registry: Registry, version: str, **changes: Any) -> ModelVersionTag:
    found = registry.store.get_model_version("guarded", version)
    values = {
        "model": "guarded",
        "version": version,
        "signature": sha256_of(registry.good / SIGNATURE),
        "created": datetime.fromtimestamp(found.creation_timestamp / 1000, timezone.utc).isoformat(),
        "environment": NEW,
        "environment_digest": facts_digest(read_environment(NEW)),
        "verdict": "compatible",
        "rehearsed": True,
        "time": "2026-01-01T00:00:00+00:00",
        "by": "somebody",
        "guard": "1.0",
        **changes,
    }
    record = Record(**values)
    return ModelVersionTag(record.tag, record.sealed(None))


def refused(call: Any, *arguments: Any) -> str:
    with pytest.raises(MlflowException) as caught:
        call(*arguments)
    assert caught.value.error_code == "PERMISSION_DENIED"
    return caught.value.message


@pytest.fixture
def champion(registry) -> Registry:
    """Version 1 has its record, and the alias by it."""
    registry.store.set_model_version_tag("guarded", "1", record_of(registry, "1"))
    registry.store.set_registered_model_alias("guarded", "champion", "1")
    return registry


def test_no_alias_without_a_record(registry):
    message = refused(registry.store.set_registered_model_alias, "guarded", "champion", "1")
    assert "it wasn't rehearsed in `serving`; `kerasguard promote --rehearse` does it" in message


def test_the_record_of_another_version(champion):
    copied = champion.store.get_model_version("guarded", "1").tags
    champion.add("guarded", champion.good, tags=[ModelVersionTag(key, value) for key, value in copied.items()])
    assert "it is about the version '1'" in refused(
        champion.store.set_registered_model_alias, "guarded", "champion", "2"
    )


def test_a_record_stays_with_the_alias(champion):
    tag = record_of(champion, "1")
    assert "The tag `kerasguard.record." in refused(champion.store.delete_model_version_tag, "guarded", "1", tag.key)
    refused(champion.store.set_model_version_tag, "guarded", "1", ModelVersionTag(tag.key, "{}"))
    refused(champion.store.set_model_version_tag, "guarded", "1", record_of(champion, "1", rehearsed=False))
    assert champion.store.get_model_version("guarded", "1").tags[tag.key] == tag.value
    champion.store.set_model_version_tag("guarded", "1", record_of(champion, "1", by="somebody else"))
    champion.store.delete_registered_model_alias("guarded", "champion")
    champion.store.delete_model_version_tag("guarded", "1", tag.key)


def test_a_record_stays_in_its_stage(champion):
    tag = record_of(champion, "1")
    champion.store.transition_model_version_stage("guarded", "1", "Production", False)
    champion.store.delete_registered_model_alias("guarded", "champion")
    refused(champion.store.delete_model_version_tag, "guarded", "1", tag.key)
    champion.store.transition_model_version_stage("guarded", "1", "Archived", False)
    champion.store.delete_model_version_tag("guarded", "1", tag.key)


def test_other_tags_are_free(champion):
    for key in ("kerasguard.verdict", "kerasguard.against", "mine"):
        champion.store.set_model_version_tag("guarded", "1", ModelVersionTag(key, "x"))
        champion.store.delete_model_version_tag("guarded", "1", key)


def test_records_that_no_guard_needs_are_free(champion):
    champion.change(POLICY)
    champion.store.delete_model_version_tag("guarded", "1", record_of(champion, "1").key)


def test_a_record_that_is_none_may_be_mended(champion):
    (champion.good / SIGNATURE).write_bytes((champion.bad / SIGNATURE).read_bytes())
    champion.store.set_model_version_tag("guarded", "1", record_of(champion, "1"))


def test_what_isnt_there(champion):
    tag = record_of(champion, "1")
    with pytest.raises(MlflowException, match="not found"):
        champion.store.set_model_version_tag("guarded", "7", tag)


def test_a_new_name_makes_records_those_of_another_model(champion):
    assert "it is about the model 'guarded'" in refused(
        champion.store.rename_registered_model, "guarded", "guarded-too"
    )
    champion.store.rename_registered_model("guarded", "free")


def test_a_key_of_the_records(champion, monkeypatch):
    monkeypatch.setenv("MLFLOW_KERASGUARD_RECORD_KEY", "secret")
    assert "sealed with another key" in refused(champion.store.set_registered_model_alias, "guarded", "champion", "1")


def test_a_copy_is_judged_by_the_record_of_the_original(champion):
    champion.change(REHEARSED.replace('models = ["guarded*"]', 'models = ["copies"]\nversions = true'))
    champion.add("copies", "models:/guarded/1")
    # The tags that a client sends along are no records.
    champion.store.delete_model_version_tag("guarded", "1", record_of(champion, "1").key)
    tags = [record_of(champion, "1")]
    with pytest.raises(MlflowException, match="it wasn't rehearsed"):
        champion.store.create_model_version("copies", "models:/guarded/1", tags=tags)
    with pytest.raises(MlflowException, match="it wasn't rehearsed"):
        champion.store.create_model_version("copies", str(champion.good), tags=tags)
