"""A guarded registry in a database of its own, and models to put into it."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import Any

from mlflow_kerasguard.registry import policy_watch
from mlflow_kerasguard.registry import store as plugin
from mlflow_kerasguard.registry.policy_watch import SETTLED_S
from tests.files import layer
from tests.registry.models import NEW, guarded

POLICY = f"""
[environments]
serving = "{NEW}"

[[guard]]
models = ["guarded*"]
aliases = ["champion", "prod-*"]
stages = ["Production"]
environments = ["serving"]
"""

#: No Keras has it.
UNKNOWN = layer("FromTheFuture", module="keras.layers", name="unknown", dtype="float32", trainable=True)


class Registry:
    """The plug-in's store on SQLite; `good` is compatible with where the policy says it is served, `bad` isn't."""

    def __init__(self, directory: Path, database: Path) -> None:
        policy_watch.LOOK_S = 0  # What a test changes is looked at.
        shutil.copy(database, directory / "registry.db")
        self.uri = f"sqlite:///{directory / 'registry.db'}"
        self.policy = directory / "team" / "kerasguard.toml"
        self.policy.parent.mkdir()
        self.policy.write_text(POLICY)
        self.good, self.bad = guarded(directory / "good"), guarded(directory / "bad", UNKNOWN)
        self.store = self.open()

    def open(self, **parameters: str) -> Any:
        plugin._watch.cache_clear()
        return plugin.make_store(f"kerasguard+{self.uri}?policy={self.policy}")

    def change(self, policy: str) -> None:
        """Replace the policy, as one that has been there for a while."""
        self.policy.write_text(policy)
        past = time.time() - 2 * SETTLED_S
        os.utime(self.policy, (past, past))

    def add(self, name: str, source: Path | str, **options: Any) -> str:
        """A version of a model, which is made where it isn't there; gives its number."""
        if not self.store.search_registered_models(f"name = '{name}'"):
            self.store.create_registered_model(name)
        return str(self.store.create_model_version(name, str(source), **options).version)

    def aliases(self, name: str) -> dict[str, str]:
        """The versions that aliases point to."""
        return {alias: str(version) for alias, version in self.store.get_registered_model(name).aliases.items()}
