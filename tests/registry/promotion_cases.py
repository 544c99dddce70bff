"""What tests of promotion ask the registry, and a policy for them."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from mlflow_kerasguard import promote
from mlflow_kerasguard.environment.identity import facts_digest
from mlflow_kerasguard.environment.installed import installed
from mlflow_kerasguard.errors import NotPromotedError
from mlflow_kerasguard.registry.candidates import read_candidate
from mlflow_kerasguard.registry.records import Record, find_record

URI = "models:/scaled/1"
OLD = "keras==2.4.0 python==3.8"
UNKNOWN = "keras==99.0 python==3.11"


def aliases(client, name="scaled"):
    return {alias: str(version) for alias, version in client.get_registered_model(name).aliases.items()}


def tags(client, name="scaled", version="1"):
    return dict(client.get_model_version(name, version).tags)


def record_of(client, name="scaled", version="1", key=None) -> Record | None:
    """The record of this interpreter, if it counts."""
    found = client.get_model_version(name, version)
    candidate = read_candidate(found, f"models:/{name}/{version}")
    return find_record(
        candidate.tags, candidate.subject, facts_digest(replace(installed(), registered_objects=frozenset())), key
    )


def policy(tmp_path, text) -> Path:
    path = tmp_path / "policy.toml"
    path.write_text(text)
    return path


GUARD = """
[environments]
old = "{old}"
here = "{here}"
[[guard]]
models = ["scaled"]
"""


def guarded(tmp_path, text):
    return policy(tmp_path, GUARD.format(old=OLD, here=sys.executable) + text)


def refused(*arguments, **options):
    with pytest.raises(NotPromotedError) as caught:
        promote(*arguments, **options)
    return caught.value.promotion
