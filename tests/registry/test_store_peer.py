"""MLflow's own store beside the plug-in's: every public method is the same for whoever no policy guards."""

from __future__ import annotations

import inspect
import re
import shutil
from collections.abc import Callable
from enum import Enum
from typing import Any

import pytest
from mlflow.entities.model_registry import ModelVersionTag, RegisteredModelTag
from mlflow.entities.webhook import WebhookAction, WebhookEntity, WebhookEvent, WebhookStatus
from mlflow.exceptions import MlflowException
from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore

from mlflow_kerasguard.registry import store as plugin
from mlflow_kerasguard.registry.guarded_calls import GuardedCalls
from tests.registry.stores import POLICY, Registry

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:mlflow", "ignore::FutureWarning:mlflow")

Step = tuple[str, tuple[Any, ...]]

_TAG, _EVENT = (
    ModelVersionTag("kerasguard.record.1", "x"),
    WebhookEvent(WebhookEntity.MODEL_VERSION, WebhookAction.CREATED),
)
_HOOK = "https://127.0.0.1/hook"

#: What is asked of both, in order; each public method that there is has to be among it.
STEPS: list[Step] = [
    ("create_registered_model", ("free", [RegisteredModelTag("a", "b")], "described")),
    ("create_registered_model", ("free",)),
    ("create_registered_model", ("other/name",)),
    ("create_registered_model", (None,)),
    ("get_registered_model", ("free",)),
    ("get_registered_model", ("gone",)),
    ("update_registered_model", ("free", "described again")),
    ("create_model_version", ("free", "<good>", "run", [_TAG], "link", "first")),
    ("create_model_version", ("free", "models:/free/1")),
    ("create_model_version", ("free", "models:/gone/1")),
    ("create_model_version", ("gone", "<good>")),
    ("create_model_version", (None, "<good>")),
    ("copy_model_version", ("<version>", "copied")),
    ("get_model_version", ("free", "1")),
    ("get_model_version", ("free", "7")),
    ("get_model_version_download_uri", ("free", "2")),
    ("update_model_version", ("free", "1", "described")),
    ("set_model_version_tag", ("free", "1", ModelVersionTag("c", "d"))),
    ("set_model_version_tag", ("free", "1", ModelVersionTag("kerasguard.record.1", "y"))),
    ("set_model_version_tag", ("free", "7", _TAG)),
    ("set_model_version_tag", ("free", "1", ModelVersionTag(None, "x"))),
    ("set_model_version_tag", (None, "1", _TAG)),
    ("delete_model_version_tag", ("free", "1", None)),
    ("delete_model_version_tag", ("free", "1", "kerasguard.record.1")),
    ("set_registered_model_tag", ("free", RegisteredModelTag("e", "f"))),
    ("delete_registered_model_tag", ("free", "e")),
    ("set_registered_model_alias", ("free", "champion", "1")),
    ("set_registered_model_alias", ("free", "champion", 2)),
    ("set_registered_model_alias", ("free", "no/alias", "1")),
    ("set_registered_model_alias", ("free", "latest", "1")),
    ("set_registered_model_alias", ("free", "champion", "7")),
    ("set_registered_model_alias", ("free", None, "1")),
    ("set_registered_model_alias", (None, "champion", "1")),
    ("get_model_version_by_alias", ("free", "champion")),
    ("get_model_version_by_alias", ("free", "gone")),
    ("transition_model_version_stage", ("free", "1", "staging", False)),
    ("transition_model_version_stage", ("free", "2", "Staging", True)),
    ("transition_model_version_stage", ("free", "1", "Nowhere", False)),
    ("transition_model_version_stage", ("free", "1", None, False)),
    ("transition_model_version_stage", ("free", "1", "Archived", True)),
    ("get_latest_versions", ("free",)),
    ("get_latest_versions", ("free", ["Staging"])),
    ("search_registered_models", ("name LIKE 'f%'",)),
    ("search_model_versions", ("name = 'free'",)),
    ("search_model_versions", ("nonsense",)),
    ("delete_registered_model_alias", ("free", "champion")),
    ("rename_registered_model", ("free", "freed")),
    ("rename_registered_model", ("gone", "freed")),
    ("rename_registered_model", ("freed", None)),
    ("rename_registered_model", (None, "free")),
    ("rename_registered_model", ("freed", "copied")),
    ("delete_model_version", ("freed", "1")),
    ("delete_model_version", ("freed", "1")),
    ("create_webhook", ("hook", _HOOK, [_EVENT])),
    ("list_webhooks", ()),
    ("list_webhooks_by_event", (_EVENT,)),
    ("get_webhook", ("<webhook>",)),
    ("update_webhook", ("<webhook>", "renamed", None, None, None, None, WebhookStatus.DISABLED)),
    ("test_webhook", ("<webhook>",)),
    ("delete_webhook", ("<webhook>",)),
    ("get_webhook", ("<webhook>",)),
    ("create_prompt", ("prompt", "described", {"g": "h"})),
    ("create_prompt_version", ("prompt", "Say {{it}}", "first")),
    ("get_prompt", ("prompt",)),
    ("get_prompt_version", ("prompt", "1")),
    ("get_prompt_version_by_alias", ("prompt", "champion")),
    ("set_prompt_alias", ("prompt", "champion", 1)),
    ("search_prompts", ()),
    ("search_prompt_versions", ("prompt",)),
    ("set_prompt_tag", ("prompt", "i", "j")),
    ("delete_prompt_tag", ("prompt", "i")),
    ("set_prompt_version_tag", ("prompt", "1", "k", "l")),
    ("delete_prompt_version_tag", ("prompt", "1", "k")),
    ("delete_prompt_alias", ("prompt", "champion")),
    ("link_prompt_version_to_model", ("prompt", "1", "m-none")),
    ("link_prompt_version_to_run", ("prompt", "1", "no run")),
    ("link_prompts_to_trace", ([], "no trace")),
    ("delete_prompt_version", ("prompt", "1")),
    ("delete_prompt", ("prompt",)),
    ("delete_registered_model", ("freed",)),
    ("delete_registered_model", ("freed",)),
]

#: Those that answer in words that differ from store to store, or wait.
_VARYING = re.compile(r"Guarded(?=SqlAlchemyStore)|[0-9a-f]{8}-[0-9a-f-]{27}|\d{13}|0x[0-9a-f]+|/[^ ']*registry\.db")


def public(kind: type) -> set[str]:
    return {name for name, it in inspect.getmembers(kind) if callable(it) and not name.startswith("_")}


@pytest.fixture
def registry(tmp_path, _empty_store) -> Registry:
    return Registry(tmp_path, _empty_store)


@pytest.fixture
def sides(registry, tmp_path, _empty_store) -> dict[str, Any]:
    shutil.copy(_empty_store, tmp_path / "stock.db")
    return {"stock": SqlAlchemyStore(f"sqlite:///{tmp_path / 'stock.db'}"), "plug-in": registry.store}


def test_no_method_is_forgotten():
    asked = {name for name, _ in STEPS}
    missing = public(SqlAlchemyStore) - asked
    assert not missing, (
        f"MLflow's store has new methods: say in STEPS how they are used, and whether they need a guard: {missing}"
    )


def test_what_is_overridden_takes_the_same():
    for name in public(GuardedCalls) & public(SqlAlchemyStore):
        ours, theirs = (inspect.signature(getattr(kind, name)) for kind in (GuardedCalls, SqlAlchemyStore))
        if "arguments" not in ours.parameters:
            assert list(ours.parameters) == list(theirs.parameters), name
        else:
            named = [it for it in ours.parameters if it not in ("arguments", "options")]
            assert list(theirs.parameters)[: len(named)] == named


#: What it demands is fulfilled by every version: all calls go the long way.
EVERYTHING = """
[[guard]]
models = ["*"]
aliases = ["*"]
stages = ["None", "Staging", "Production", "Archived"]
versions = true
require = []
unsigned = "pass"
"""


@pytest.mark.parametrize("policy", [POLICY, EVERYTHING], ids=["what nobody guards", "what passes"])
def test_both_give_the_same(policy, registry, sides, monkeypatch):
    monkeypatch.setenv("MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS", "true")
    registry.change(policy)
    source = str(registry.good)
    told = {side: [] for side in sides}
    known: dict[str, dict[str, Any]] = {side: {} for side in sides}
    for name, arguments in STEPS:
        if not hasattr(SqlAlchemyStore, name):
            continue
        for side, store in sides.items():
            known[side]["<good>"] = source
            given = [known[side].get(it, it) if isinstance(it, str) else it for it in arguments]
            answer, value = _answer(getattr(store, name), given)
            told[side].append((name, answer))
            if name == "create_webhook":
                known[side]["<webhook>"] = value.webhook_id
            elif name == "create_model_version" and value is not None:
                known[side]["<version>"] = value
        assert told["plug-in"][-1] == told["stock"][-1]
    assert sum(1 for _, answer in told["stock"] if answer[0] == "gives") > len(STEPS) / 2


def _answer(call: Callable[..., Any], arguments: list[Any]) -> tuple[tuple[str, str], Any]:
    try:
        value = call(*arguments)
    except MlflowException as error:
        return (error.error_code, _VARYING.sub("", error.message)), None
    except Exception as error:  # noqa: BLE001 - both sides have to fail alike
        return (type(error).__name__, _VARYING.sub("", str(error))), None
    return ("gives", _VARYING.sub("", _text(value))), value


def _text(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_text, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key!r}: {_text(it)}' for key, it in sorted(value.items(), key=str))}}}"
    if hasattr(value, "__dict__") and not isinstance(value, Enum | type):
        content = {name: _text(it) for name, it in sorted(vars(value).items())}
        return f"{type(value).__name__}({content})"
    return repr(value)


def test_the_plug_ins_classes(monkeypatch, sides):
    store = sides["plug-in"]
    assert isinstance(store, SqlAlchemyStore)
    assert store.db_uri.startswith("sqlite:///")
    assert not store.supports_workspaces
    monkeypatch.setenv("MLFLOW_ENABLE_WORKSPACES", "true")
    assert plugin.make_store(f"kerasguard+{store.db_uri}").supports_workspaces
