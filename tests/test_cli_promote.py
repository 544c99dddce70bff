"""The command ``kerasguard promote``: arguments to one call, what comes of it to an exit status."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from mlflow_kerasguard import cli_promote
from mlflow_kerasguard.cli import main
from mlflow_kerasguard.errors import NotPromotedError, RegistryError
from mlflow_kerasguard.registry import promotion
from mlflow_kerasguard.registry.gate import Outcome
from mlflow_kerasguard.registry.promoted import Kind, Promotion, Target
from mlflow_kerasguard.reports.promotions import PROMOTION_FORMATS, render_text

DEFAULTS = {
    "alias": None,
    "stage": None,
    "to": None,
    "against": [],
    "policy": None,
    "dry_run": False,
    "rehearse": False,
}
DONE = Promotion(
    model="sum",
    version="7",
    target=Target(kind=Kind.ALIAS, name="champion"),
    outcome=Outcome.ALLOWED,
    time="2026-05-04T03:02:01+00:00",
    by="ann",
    done=True,
)


@pytest.fixture
def called(monkeypatch):
    """What is called, and a list whose first element is what it answers with."""
    calls, answer = [], [DONE]

    def promote(model, **options):
        calls.append((model, options))
        if isinstance(answer[0], Exception):
            raise answer[0]
        return answer[0]

    monkeypatch.setattr(promotion, "promote", promote)
    return calls, answer


def test_what_the_parser_knows_is_what_there_is():
    assert tuple(PROMOTION_FORMATS) == cli_promote._FORMATS


@pytest.mark.parametrize(
    ("options", "changed"),
    [
        (["--alias", "champion"], {"alias": "champion"}),
        (["--stage", "Production", "--dry-run"], {"stage": "Production", "dry_run": True}),
        (["--to", "live", "--rehearse"], {"to": "live", "rehearse": True}),
        (["--alias", "a", "--against", "x", "--against", "y"], {"alias": "a", "against": ["x", "y"]}),
    ],
)
def test_options(options, changed, called, capsys):
    assert main(["promote", "models:/sum/7", *options]) == 0
    assert called[0] == [("models:/sum/7", {**DEFAULTS, **changed})]
    assert capsys.readouterr().out == f"{render_text(DONE)}\n"


def test_a_policy(called, tmp_path):
    main(["promote", "models:/sum/7", "--alias", "a", "--policy", str(tmp_path)])
    assert called[0][0][1]["policy"] == tmp_path


def test_json(called, capsys):
    main(["promote", "models:/sum/7", "--alias", "a", "--format", "json"])
    assert json.loads(capsys.readouterr().out)["outcome"] == "allowed"


@pytest.mark.parametrize("options", [[], ["--alias", "a", "--stage", "Staging"], ["--alias", "a", "--format", "sarif"]])
def test_wrong_options(options, called, capsys):
    with pytest.raises(SystemExit) as caught:
        main(["promote", "models:/sum/7", *options])
    assert caught.value.code == 2
    assert called[0] == []


@pytest.mark.parametrize(("outcome", "status"), [(Outcome.REFUSED, 1), (Outcome.UNDECIDED, 3)])
@pytest.mark.parametrize("form", ["text", "json"])
def test_what_isnt_promoted(outcome, status, form, called, capsys):
    found = replace(DONE, outcome=outcome, done=False, reasons=("no",))
    called[1][0] = NotPromotedError(found)
    assert main(["promote", "models:/sum/7", "--alias", "a", "--format", form]) == status
    assert capsys.readouterr().out == f"{PROMOTION_FORMATS[form](found)}\n"


def test_a_server_that_forbids_it(called, capsys):
    called[1][0] = RegistryError("version 7 of `sum` isn't made `champion`: no", refused=True)
    assert main(["promote", "models:/sum/7", "--alias", "a"]) == 1
    assert capsys.readouterr().out == "REFUSED by the server: version 7 of `sum` isn't made `champion`: no\n"


def test_a_server_that_cant_tell(called, capsys):
    called[1][0] = RegistryError("the artifact store didn't answer", undecided=True)
    assert main(["promote", "models:/sum/7", "--alias", "a"]) == 3
    assert capsys.readouterr().out == "UNDECIDED by the server: the artifact store didn't answer\n"


def test_what_a_server_says_is_long(called, capsys):
    called[1][0] = RegistryError("the registry's policy doesn't let it pass, because " + "`a b` " * 200, refused=True)
    main(["promote", "models:/sum/7", "--alias", "a"])
    lines = capsys.readouterr().out.splitlines()
    assert all(len(line) <= 100 for line in lines)
    assert " ".join(lines) == f"REFUSED by the server: {str(called[1][0]).strip()}"
    main(["promote", "models:/sum/7", "--alias", "a", "--format", "json"])
    document = json.loads(capsys.readouterr().out)
    assert (document["outcome"], document["by_server"], document["reasons"]) == ("refused", True, [str(called[1][0])])
    main(["promote", "models:/sum/7", "--alias", "a", "--format", "html"])
    assert "<li>the registry&#39;s policy" in capsys.readouterr().out


def test_a_server_that_fails(called, capsys):
    called[1][0] = RegistryError("it is down")
    assert main(["promote", "models:/sum/7", "--alias", "a"]) == 2
    assert capsys.readouterr().err == "kerasguard: error: it is down\n"


def test_the_errors_text_is_the_report():
    assert str(NotPromotedError(DONE)) == render_text(DONE)
