"""What is read of a version on this machine, and what isn't."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from mlflow_kerasguard import check
from mlflow_kerasguard.against import read_environment
from mlflow_kerasguard.environment.identity import environment_digest
from mlflow_kerasguard.registry.audit import reading
from mlflow_kerasguard.registry.audit.judging import Judge, cell_of, shortened
from mlflow_kerasguard.registry.audit.reading import NotReadError, Signatures, local_path, read_local, stamp_of
from mlflow_kerasguard.registry.audit.values import Status
from tests.conftest import sign_again
from tests.files import dense, layer
from tests.registry.audit.models import NEW, OLD, YOUNG, broken, foreign, guarded, other, write_mlmodel

PLACES = {
    "/a/b": Path("/a/b"),
    "a/b": Path("a/b"),
    "file:///a%20b": Path("/a b"),
    "file://localhost/a": Path("/a"),
    "/a:b/c": Path("/a:b/c"),
    "file://elsewhere/a": None,
    "s3://bucket/a": None,
    "models:/m-1": None,
    "mlflow-artifacts:/1/a": None,
}


@pytest.mark.parametrize(("location", "path"), PLACES.items(), ids=PLACES)
def test_what_is_here(location, path):
    assert local_path(location) == path


MODELS = {
    "sound": guarded,
    "young": lambda directory: guarded(directory, YOUNG),
    "broken": broken,
    "lambda": lambda directory: guarded(
        directory, layer("Lambda", function={"class_name": "__lambda__", "config": {"code": "x"}})
    ),
    "foreign": foreign,
    "tensorflow": lambda directory: foreign(directory, YOUNG, flavor="tensorflow"),
}


@pytest.mark.parametrize("against", [NEW, OLD, "python==3.11"])
@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
def test_a_cell_says_what_a_check_says(tmp_path, make, against):
    """An audit is as good as a check of each version."""
    model = make(tmp_path / "model")
    environment = read_environment(against)
    digest = environment_digest(environment)
    judge = Judge({digest: environment})
    cells = [judge.judge(read_local(model, Signatures()), [digest])[digest] for _ in range(2)]
    is_guarded = (model / "kerasguard").exists()
    report = check(model, environment, by_signature=is_guarded, compile=False)
    assert cells == [cell_of(report)] * 2
    assert (cells[0].status is Status.COMPATIBLE) == report.ok


def test_versions_that_differ_in_weights_alone_are_judged_once(tmp_path):
    signatures = Signatures()
    first = read_local(guarded(tmp_path / "1"), signatures)
    second = read_local(guarded(tmp_path / "2", digest="1" * 64), signatures)
    third = read_local(guarded(tmp_path / "3", dense(units=3)), signatures)
    assert first.contents.signature_sha256 != second.contents.signature_sha256
    assert first.judged_as == second.judged_as != third.judged_as
    assert first.model.config is second.model.config


DIFFERENCES = {
    "python": lambda document: document["environment"].update(python="3.12.0"),
    "distributions": lambda document: document["environment"]["distributions"].update(keras="3.0.0"),
    "closure": lambda document: document["environment"]["closure"].update(rich="1"),
    "code": lambda document: document["code"]["public_names"].update({"tf.nn.softmax": "layers.py:1"}),
    "config": lambda document: document["model"]["config"]["config"].update(name="other"),
    "weights": lambda document: document["weights"][0].update(dtype="float16"),
    "backend": lambda document: document["model"].update(backend="jax"),
    "details": lambda document: document["model"]["details"].update(container="directory"),
    "files": lambda document: document["files"].update({"kerasguard/golden.npz": "0" * 64}),
}


@pytest.mark.parametrize("change", DIFFERENCES.values(), ids=DIFFERENCES)
def test_what_a_verdict_can_depend_on_tells_versions_apart(tmp_path, change):
    model = guarded(tmp_path / "1")
    before = read_local(model, Signatures()).judged_as
    document = json.loads((model / "kerasguard" / "signature.json").read_text())
    change(document)
    sign_again(model, **document)
    assert read_local(model, Signatures()).judged_as != before


def test_so_do_files_that_were_added(tmp_path):
    model = guarded(tmp_path / "1")
    before = read_local(model, Signatures()).judged_as
    (model / "data" / "extra.pkl").write_bytes(b"")
    assert read_local(model, Signatures()).judged_as != before


def test_the_day_it_was_saved_does_not(tmp_path):
    model = guarded(tmp_path / "1")
    before = read_local(model, Signatures()).judged_as
    document = json.loads((model / "kerasguard" / "signature.json").read_text())
    document["model"]["details"]["date_saved"] = "2026-02-02@00:00:00"
    sign_again(model, model=document["model"])
    assert read_local(model, Signatures()).judged_as == before


def test_models_that_are_kept_are_few(tmp_path):
    signatures = Signatures()
    for number in range(reading._MODELS_KEPT + 5):
        read_local(guarded(tmp_path / str(number), dense(units=number + 1)), signatures)
    assert len(signatures._models) == reading._MODELS_KEPT


def _pipe(model):
    guarded(model)
    (model / "kerasguard" / "signature.json").unlink()
    os.mkfifo(model / "kerasguard" / "signature.json")


def _large(model):
    guarded(model)
    os.truncate(model / "MLmodel", reading.LARGEST_MLMODEL + 1)


def _many(model):
    guarded(model)
    reading_limit = 3
    for number in range(reading_limit + 1):
        (model / f"{number}.txt").touch()


UNREAD = {
    "nothing": (lambda model: None, Status.UNREACHABLE, "its source isn't there: no file `MLmodel`"),
    "a file": (lambda model: model.write_text("x"), Status.UNREACHABLE, "isn't there"),
    "no MLmodel": (lambda model: model.mkdir(), Status.UNREACHABLE, "its source has no file `MLmodel`"),
    "pipe": (_pipe, Status.UNREACHABLE, "no file `kerasguard/signature.json`"),
    "large": (_large, Status.NOT_JUDGED, "its `MLmodel` has 4,194,305 bytes, more than 4,194,304"),
    "many": (_many, Status.NOT_JUDGED, "it has more than 3 files"),
    "sklearn": (other, Status.NOT_KERAS, "flavor `sklearn`"),
    "python function": (
        lambda model: (model.mkdir(), write_mlmodel(model, python_function={})),
        Status.NOT_KERAS,
        "flavor `python_function`",
    ),
}


@pytest.mark.parametrize(("make", "status", "reason"), UNREAD.values(), ids=UNREAD)
def test_what_is_not_read(tmp_path, monkeypatch, make, status, reason):
    monkeypatch.setattr(reading, "MOST_FILES", 3)
    make(tmp_path / "model")
    with pytest.raises(NotReadError) as error:
        read_local(tmp_path / "model", Signatures())
    assert error.value.cell.status is status
    assert reason in error.value.cell.reason


@pytest.mark.parametrize("location", ["/" + "x" * 5000, "/a\0b"], ids=["long", "NUL"])
def test_a_place_that_cannot_be(location):
    with pytest.raises(NotReadError, match="isn't there"):
        read_local(Path(location), Signatures())


def test_a_damaged_mlmodel_is_judged_as_such(tmp_path):
    model = guarded(tmp_path / "model")
    (model / "MLmodel").write_text("flavors: [")
    environment = read_environment(NEW)
    version = read_local(model, Signatures())
    assert version.judged_as == ""
    cell = Judge({"x": environment}).judge(version, ["x"])["x"]
    assert (cell.status, "KG114" in cell.codes) == (Status.INCOMPATIBLE, True)


def test_a_stamp_changes_with_the_files(tmp_path):
    model = guarded(tmp_path / "model")
    before = stamp_of(model)
    assert stamp_of(model) == before
    os.utime(model / "kerasguard" / "signature.json", ns=(1, 1))
    assert stamp_of(model) != before
    assert stamp_of(tmp_path / "nothing") == ""


def test_cells_that_are_kept_are_few(tmp_path, monkeypatch):
    monkeypatch.setattr("mlflow_kerasguard.registry.audit.judging._CELLS_KEPT", 2)
    judge = Judge({"x": read_environment(NEW)})
    for number in range(4):
        judge.judge(read_local(guarded(tmp_path / str(number), dense(units=number + 1)), Signatures()), ["x"])
    assert len(judge._known) == 2


def test_a_long_reason_is_cut():
    assert shortened("a\n  b") == "a b"
    assert len(shortened("x" * 1000)) == 300
