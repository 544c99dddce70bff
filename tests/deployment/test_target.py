"""`mlflow deployments … -t kerasguard`, by MLflow's own command."""

from __future__ import annotations

import mlflow.deployments
import mlflow.models.cli
import pytest
from click.testing import CliRunner
from mlflow.deployments.cli import commands

from mlflow_kerasguard.deployment.target import DeploymentError, DeploymentRefusedError
from tests.conftest import break_model

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:mlflow", "ignore:unclosed file:ResourceWarning")


def _run(*arguments: str):
    return CliRunner().invoke(commands, [*arguments, "-t", "kerasguard"])


@pytest.fixture
def served(monkeypatch):
    """What MLflow's command gets, instead of a server."""
    calls = []
    monkeypatch.setattr(mlflow.models.cli.serve, "callback", lambda **values: calls.append(values))
    return calls


def test_run_local_serves_with_the_options_of_mlflow_models_serve(logged, served):
    config = ("-C", "port=5001", "-C", "env_manager=local", "-C", "install-mlflow=true", "-C", "no-conda=false")
    done = _run("run-local", "-m", str(logged), "--name", "it", *config)
    assert done.exit_code == 0, done.output
    (values,) = served
    assert (values["model_uri"], values["port"], values["env_manager"]) == (str(logged), 5001, "local")
    assert (values["install_mlflow"], values["no_conda"]) == (True, False)


def test_an_incompatible_model_ends_the_command_with_the_report(logged, served):
    break_model(logged)
    done = _run("run-local", "-m", str(logged), "--name", "it", "-C", "env-manager=local")
    assert done.exit_code == 1
    assert done.output.startswith("Error: INCOMPATIBLE: ")
    assert isinstance(done.exception, SystemExit), "no traceback"
    assert served == []
    with pytest.raises(DeploymentRefusedError) as caught:
        mlflow.deployments.run_local("kerasguard", "it", str(logged), config={"env-manager": "local"})
    assert not caught.value.report.ok


WRONG = {
    "no such option": (("-C", "wheels=4"), "--wheels"),
    "neither yes nor no": (("-C", "install-mlflow=perhaps"), "expected `-C install-mlflow=true`"),
    "another flavor": (("-f", "keras"), "leave the flavor out"),
}


@pytest.mark.parametrize("case", WRONG.values(), ids=WRONG)
def test_wrong_usage(case, logged, served):
    arguments, message = case
    done = _run("run-local", "-m", str(logged), "--name", "it", *arguments)
    assert done.exit_code == 1
    assert message in done.output
    assert isinstance(done.exception, SystemExit), "no traceback"
    assert served == []


def test_no_such_model(served):
    done = _run("run-local", "-m", "nowhere", "--name", "it")
    assert (done.exit_code, done.output) == (1, "Error: there is no model at `nowhere`\n")


MANAGING = {
    "create": ("create", "-m", "models:/m/1", "--name", "it"),
    "update": ("update", "-m", "models:/m/1", "--name", "it"),
    "delete": ("delete", "--name", "it"),
    "list": ("list",),
    "get": ("get", "--name", "it"),
    "predict": ("predict", "--name", "it", "-I", "{input}"),
}


@pytest.mark.parametrize("what", MANAGING)
def test_there_is_nothing_to_manage(what, tmp_path):
    (tmp_path / "input.json").write_text('{"inputs": [[1.0]]}')
    done = _run(*(part.format(input=tmp_path / "input.json") for part in MANAGING[what]))
    assert done.exit_code == 1
    assert f"the target `kerasguard` can't {what}" in done.output
    assert "`mlflow deployments run-local -t kerasguard" in done.output


def test_help():
    done = _run("help")
    assert "-C port=5001" in done.output
    assert "--env-manager" in done.output
    assert done.exit_code == 0


def test_errors_are_this_packages_own():
    with pytest.raises(DeploymentError, match="can't get"):
        mlflow.deployments.get_deploy_client("kerasguard").get_deployment("it")
