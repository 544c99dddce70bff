"""Starting MLflow's server: its options, what is refused before, and what comes of a server that fails."""

from __future__ import annotations

import os

import click
import mlflow.models.cli
import pytest

from mlflow_kerasguard.cli import main
from mlflow_kerasguard.deployment import launch, options
from mlflow_kerasguard.errors import UsageError
from tests.conftest import break_model
from tests.deployment.models import pin_old_keras

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:mlflow")


@pytest.fixture
def served(monkeypatch):
    """What MLflow's command gets, instead of a server."""
    calls = []
    monkeypatch.setattr(mlflow.models.cli.serve, "callback", lambda **values: calls.append(values))
    return calls


ARGUMENTS = {
    "alone": (["models:/m/1"], {}),
    "named": (["-m", "models:/m/1"], {}),
    "first": (["models:/m/1", "-p", "5001", "--workers=4"], {"port": 5001, "workers": "4"}),
    "last": (["--host", "0.0.0.0", "-t", "7", "models:/m/1"], {"host": "0.0.0.0", "timeout": 7}),
    "manager": (
        ["models:/m/1", "--env-manager", "uv", "--install-mlflow"],
        {"env_manager": "uv", "install_mlflow": True},
    ),
}


@pytest.mark.parametrize("case", ARGUMENTS.values(), ids=ARGUMENTS)
def test_mlflows_options_reach_it_as_mlflow_understands_them(case, served):
    given, expected = case
    asked = options.parse(given)
    assert asked.model_uri == "models:/m/1"
    asked.serve()
    (own,) = served
    with mlflow.models.cli.serve.make_context("serve", ["-m", "models:/m/1"]) as context:
        assert own == {**context.params, **expected}


MANAGERS = {
    "virtualenv": [],
    "uv": ["--env-manager", "uv"],
    "local": ["--no-conda"],
}


@pytest.mark.parametrize("manager", MANAGERS)
def test_the_environment_manager(manager):
    assert options.parse(["model", *MANAGERS[manager]]).manager == manager


def test_an_option_that_mlflow_gets_tomorrow(served, monkeypatch):
    added = click.Option(["--tomorrow", "-T"], default=1, help="of tomorrow")
    monkeypatch.setattr(mlflow.models.cli.serve, "params", [*mlflow.models.cli.serve.params, added])
    options.parse(["model", "--tomorrow", "2"]).serve()
    assert served[0]["tomorrow"] == 2
    assert "of tomorrow" in options.describe()


def test_variables_of_mlflows_options(monkeypatch, served):
    monkeypatch.setenv("MLFLOW_PORT", "5009")
    options.parse(["model"]).serve()
    assert served[0]["port"] == 5009


WRONG = {
    "no model": ([], "expected one model"),
    "two models": (["one", "-m", "two"], "expected one model"),
    "three": (["one", "two"], "unexpected extra argument"),
    "unknown option": (["model", "--wheels", "4"], "--wheels"),
    "no such manager": (["model", "--env-manager", "poetry"], "poetry"),
    "not a number": (["model", "-p", "http"], "http"),
}


@pytest.mark.parametrize("case", WRONG.values(), ids=WRONG)
def test_wrong_usage(case, capsys):
    arguments, message = case
    assert main(["serve", *arguments]) == 2
    said = capsys.readouterr().err
    assert said.startswith("kerasguard: error: ")
    assert said.count("\n") == 1
    assert message in said


def test_help_tells_mlflows_options(capsys):
    assert main(["serve", "--help"]) == 0
    said = capsys.readouterr().out
    assert "kerasguard serve MODEL_URI" in said
    assert all(f"--{name}" in said for name in ("env-manager", "workers", "port", "host", "timeout"))


def test_an_incompatible_model_isnt_served(logged, served, capsys):
    break_model(logged)
    assert main(["serve", str(logged), "--env-manager", "local"]) == 1
    assert capsys.readouterr().out.startswith("INCOMPATIBLE: ")
    assert served == []


def test_the_pinned_environment_is_judged_where_mlflow_makes_one(logged, served, capsys):
    pin_old_keras(logged)
    assert main(["serve", str(logged)]) == 1
    assert "keras 3.0.5" in capsys.readouterr().out
    assert main(["serve", str(logged), "--env-manager", "local"]) == 0
    assert len(served) == 1


def test_what_the_server_gets_to_know(logged, monkeypatch, capsys):
    seen = {}
    monkeypatch.setattr(mlflow.models.cli.serve, "callback", lambda **_: seen.update(os.environ))
    monkeypatch.setenv("UVICORN_HEADERS", "x-own:1")
    monkeypatch.setenv("PATH", "/nowhere")
    before = dict(os.environ)
    found = launch.serve([str(logged), "--env-manager", "local"])
    own, version, verdict, signature = seen["UVICORN_HEADERS"].split()
    assert own == "x-own:1"
    assert version.startswith("kerasguard-version:")
    assert verdict == "kerasguard-verdict:compatible"
    assert signature == f"kerasguard-signature:sha256:{found.signature_sha256}"
    assert seen["PATH"].endswith("/bin:/nowhere")
    assert dict(os.environ) == before
    assert capsys.readouterr().err.startswith(f"kerasguard: compatible: {logged} in this interpreter (")
    launch.serve([str(logged)])
    assert seen["PATH"] == "/nowhere", "MLflow puts the environment that it makes first"


def test_a_server_that_fails(logged, capfd):
    # uvicorn itself complains of the number, before anything is loaded.
    assert main(["serve", str(logged), "--env-manager", "local", "--workers", "many"]) == 1
    said = capfd.readouterr().err
    assert "Invalid value for '--workers'" in said
    assert said.splitlines()[-1] == "kerasguard: error: the server ended with exit status 2; what it said is above"
    assert "Traceback" not in said


def test_what_else_mlflow_complains_of(logged, monkeypatch):
    def fail(**_: object) -> None:
        raise RuntimeError("no network\nand more")

    monkeypatch.setattr(mlflow.models.cli.serve, "callback", fail)
    with pytest.raises(launch.ServerEndedError, match=r"^`mlflow models serve` failed: RuntimeError: no network$"):
        launch.serve([str(logged)])


def test_whoever_interrupts_gets_the_status_of_it(logged, monkeypatch):
    def interrupt(**_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(mlflow.models.cli.serve, "callback", interrupt)
    assert main(["serve", str(logged)]) == 130


def test_flags_are_known():
    assert options.flags() >= {"install-mlflow", "no-conda"}
    assert "port" not in options.flags()
    with pytest.raises(UsageError):
        options.parse([])
