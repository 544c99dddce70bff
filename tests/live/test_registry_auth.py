"""The guarded registry together with MLflow's accounts and workspaces."""

from __future__ import annotations

import base64
from dataclasses import replace
from pathlib import Path

import mlflow
import pytest
from packaging.version import Version

from tests.live.registry_servers import Server, serving_registry
from tests.registry.models import guarded
from tests.registry.stores import POLICY, UNKNOWN

pytestmark = [pytest.mark.live, pytest.mark.filterwarnings("ignore::UserWarning:mlflow")]

HAS_WORKSPACES = Version(mlflow.__version__) >= Version("3.10")


def account(name: str, password: str) -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(f'{name}:{password}'.encode()).decode()}"}


def test_accounts_and_workspaces(tmp_path: Path):
    policy = tmp_path / "kerasguard.toml"
    policy.write_text(POLICY)
    (tmp_path / "auth.ini").write_text(
        "[mlflow]\ndefault_permission = READ\n"
        f"database_uri = sqlite:///{tmp_path}/auth.db\n"
        "admin_username = admin\nadmin_password = a long password\n"
        "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
    )
    options = ["--app-name", "basic-auth", *(["--enable-workspaces"] if HAS_WORKSPACES else [])]
    variables = {"MLFLOW_AUTH_CONFIG_PATH": str(tmp_path / "auth.ini"), "MLFLOW_FLASK_SERVER_SECRET_KEY": "secret"}
    database = f"sqlite:///{tmp_path}/registry.db"
    with serving_registry(tmp_path, database, policy, *options, **variables) as nobody:
        admin = replace(nobody, headers=account("admin", "a long password"))
        _register(admin, tmp_path)

        assert nobody.alias("guarded", "champion", 1)[0] == 401
        assert replace(nobody, headers=account("admin", "wrong")).alias("guarded", "champion", 1)[0] == 401
        assert admin.alias("guarded", "champion", 1) == (200, {})
        status, said = admin.alias("guarded", "champion", 2)
        assert (status, said["error_code"]) == (403, "PERMISSION_DENIED")
        assert "keras.layers.FromTheFuture" in said["message"]

        admin.post("users/create", username="reader", password="another long password")
        status, said = replace(nobody, headers=account("reader", "another long password")).alias(
            "guarded", "champion", 1
        )
        # Refused by MLflow, which comes first.
        assert status == 403
        assert "kerasguard" not in str(said)
        if HAS_WORKSPACES:
            _in_another_workspace(admin, tmp_path)


def _register(server: Server, directory: Path) -> None:
    server.register("guarded")
    for name, layers in (("good", ()), ("bad", (UNKNOWN,))):
        model = directory / name
        server.version("guarded", *server.upload(model if model.is_dir() else guarded(model, *layers)))


def _in_another_workspace(admin: Server, directory: Path) -> None:
    status, said = admin.ask("POST", "workspaces", {"name": "other"}, api="3.0")
    assert status in {200, 201}, said
    other = replace(admin, headers={**admin.headers, "X-MLFLOW-WORKSPACE": "other"})
    assert other.alias("guarded", "champion", 1)[0] == 404
    experiment = other.post("experiments/create", name="here")["experiment_id"]
    _register(replace(other, experiment=experiment), directory)
    assert other.alias("guarded", "champion", 1) == (200, {})
    assert other.alias("guarded", "champion", 2)[0] == 403
    assert admin.aliases("guarded") == other.aliases("guarded") == {"champion": "1"}
