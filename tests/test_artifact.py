"""What a logged model's directory may hold: files are spoilt one at a time, and the reader says which."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import yaml

from mlflow_kerasguard.artifact import ANOMALY_KINDS, is_logged_model, open_logged_model, read_logged_model
from mlflow_kerasguard.checking import check
from mlflow_kerasguard.errors import ModelNotFoundError
from tests.conftest import sign_again
from tests.files import dense, write_keras

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:mlflow")


def edit_mlmodel(model: Path, flavor: str = "kerasguard", **changes: object) -> None:
    document = yaml.safe_load((model / "MLmodel").read_text())
    document["flavors"].setdefault(flavor, {}).update(changes)
    (model / "MLmodel").write_text(yaml.safe_dump(document))


def test_a_sound_model(logged):
    found = open_logged_model(logged)
    assert found.spec.anomalies == ()
    assert found.model_file == logged / "data" / "model.keras"
    assert (found.spec.source, found.spec.format) == (str(logged), "keras")
    assert found.spec.backend in {"tensorflow", "jax", "torch"}
    assert found.spec.origin.packaged_modules == {"scale_layers", "helpers"}
    assert found.spec.origin.provided_objects == {"tests>Scale"}
    assert found.spec.origin.distributions["mlflow-kerasguard"]
    assert read_logged_model(logged) == found.spec
    assert check(logged).ok


def _append(name: str):
    def spoil(model: Path) -> None:
        with (model / name).open("ab") as stream:
            stream.write(b" ")

    return spoil


def _remove(name: str):
    return lambda model: (model / name).unlink()


def _write(name: str, text: str = "x = 1\n"):
    def spoil(model: Path) -> None:
        (model / name).parent.mkdir(exist_ok=True)
        (model / name).write_text(text)

    return spoil


def _link_out(name: str):
    def spoil(model: Path) -> None:
        outside = model.parent / "outside"
        shutil.move(model / name, outside)
        (model / name).symlink_to(outside)

    return spoil


def _resigned(**changes: object):
    return lambda model: sign_again(model, **changes)


def _edited(flavor: str = "kerasguard", **changes: object):
    return lambda model: edit_mlmodel(model, flavor, **changes)


def _with_code(module: str):
    def spoil(model: Path) -> None:
        _write(f"code/{module}.py")(model)
        edit_mlmodel(model, "python_function", code="code")

    return spoil


def _absolute_file(model: Path) -> None:
    document = json.loads((model / "kerasguard" / "signature.json").read_text())
    sign_again(model, files={**document["files"], "/etc/hostname": "0"})


def _unsigned_module(model: Path) -> None:
    document = json.loads((model / "kerasguard" / "signature.json").read_text())
    del document["files"]["kerasguard/code/helpers.py"]
    sign_again(model, files=document["files"])


SPOILT = {
    "model file": (_append("data/model.keras"), "payload-digest", "data/model.keras"),
    "code": (_append("kerasguard/code/helpers.py"), "payload-digest", "kerasguard/code/helpers.py"),
    "added code": (_write("kerasguard/code/more.py"), "payload-digest", "kerasguard/code/more.py"),
    "added wheel": (
        _write("kerasguard/wheels/keras-3.15.1-py3-none-any.whl"),
        "payload-digest",
        "kerasguard/wheels/keras-3.15.1-py3-none-any.whl",
    ),
    "golden": (_remove("kerasguard/golden.npz"), "payload-missing", "kerasguard/golden.npz"),
    "no model file": (_remove("data/model.keras"), "payload-missing", "MLmodel"),
    "unsigned module": (_unsigned_module, "payload-digest", "kerasguard/code/helpers.py"),
    "signature changed": (_append("kerasguard/signature.json"), "signature-unreadable", "kerasguard/signature.json"),
    "signature gone": (_remove("kerasguard/signature.json"), "signature-unreadable", "kerasguard/signature.json"),
    "signature damaged": (_resigned(weights=3), "signature-unreadable", "kerasguard/signature.json"),
    "signature elsewhere": (_link_out("kerasguard/signature.json"), "path-outside-model", "kerasguard/signature.json"),
    "another file": (
        _edited(model_file="data/../data/model.keras"),
        "signature-unreadable",
        "kerasguard/signature.json",
    ),
    "model elsewhere": (_link_out("data/model.keras"), "path-outside-model", "MLmodel"),
    "path up": (_edited(model_file="../logged/../other.keras"), "payload-missing", "MLmodel"),
    "absolute path": (_edited(model_file="/etc/hostname"), "path-outside-model", "MLmodel"),
    "absolute payload": (_absolute_file, "path-outside-model", "kerasguard/signature.json"),
    "pickle": (
        _write("data/global_custom_objects.cloudpickle"),
        "pickle-file",
        "data/global_custom_objects.cloudpickle",
    ),
    "no YAML": (_write("MLmodel", "a: [\n"), "mlmodel-unreadable", "MLmodel"),
    "YAML with a class": (_write("MLmodel", "!!python/object:os.system {}\n"), "mlmodel-unreadable", "MLmodel"),
    "no flavors": (_write("MLmodel", "a: 1\n"), "mlmodel-unreadable", "MLmodel"),
    "another flavor": (_write("MLmodel", "flavors:\n  sklearn: {}\n"), "mlmodel-unreadable", "MLmodel"),
    "code on the path": (_with_code("harmless"), "code-on-path", "MLmodel"),
    "code in place of this package": (_with_code("mlflow_kerasguard"), "code-on-path", "code"),
    "code elsewhere": (_edited("python_function", code="../code"), "path-outside-model", "MLmodel"),
}


@pytest.mark.parametrize("case", SPOILT.values(), ids=SPOILT)
def test_a_spoilt_model(case, logged):
    spoil, kind, where = case
    spoil(logged)
    spec = read_logged_model(logged)
    assert (kind, where) in {(anomaly.kind, anomaly.where) for anomaly in spec.anomalies}
    assert not check(logged).safe


def test_another_guard_in_the_model(logged):
    (wheel,) = (logged / "kerasguard" / "wheels").iterdir()
    wheel.write_bytes(b"another guard")
    (anomaly,) = read_logged_model(logged).anomalies
    assert (anomaly.kind, anomaly.where) == ("payload-digest", f"kerasguard/wheels/{wheel.name}")


def test_every_kind_is_shown_here():
    assert {kind for _, kind, _ in SPOILT.values()} == set(ANOMALY_KINDS)


def test_a_huge_mlmodel_isnt_parsed(logged, monkeypatch):
    monkeypatch.setattr("mlflow_kerasguard.mlmodel._LIMIT", 10)
    assert read_logged_model(logged).anomalies[-1].kind == "mlmodel-unreadable"


#: Flavor, its section of MLmodel, and where the file is.
FOREIGN = {
    "mlflow.keras": ("keras", {"data": "data"}, "data/model.keras"),
    "mlflow.tensorflow": ("tensorflow", {"data": "data", "keras_module": "keras"}, "data/model.keras"),
    "before the data directory": ("keras", {}, "model.keras"),
    "a file as data": ("keras", {"data": "data/model.keras"}, "data/model.keras"),
}


@pytest.mark.parametrize("case", FOREIGN.values(), ids=FOREIGN)
def test_a_model_of_another_flavor(case, tmp_path):
    flavor, section, place = case
    (tmp_path / place).parent.mkdir(exist_ok=True)
    write_keras(tmp_path / place, dense())
    edit = {"flavors": {flavor: section, "python_function": {"loader_module": f"mlflow.{flavor}"}}}
    (tmp_path / "MLmodel").write_text(yaml.safe_dump(edit))
    found = open_logged_model(tmp_path)
    assert (found.model_file, found.spec.anomalies, found.signature) == (tmp_path / place, (), None)
    assert found.spec.keras_version


def test_code_of_another_flavor_may_not_take_a_packages_place(tmp_path):
    write_keras(tmp_path / "model.keras", dense())
    for name in ("own_code.py", "keras/__init__.py", "json.py"):
        _write(f"code/{name}")(tmp_path) if "/" not in name else (tmp_path / "code" / "keras").mkdir()
        (tmp_path / "code" / name).write_text("")
    flavors = {"keras": {}, "python_function": {"code": "code"}}
    (tmp_path / "MLmodel").write_text(yaml.safe_dump({"flavors": flavors}))
    assert [anomaly.found.split("`")[1] for anomaly in read_logged_model(tmp_path).anomalies] == ["json", "keras"]


def test_where_there_is_nothing(tmp_path):
    assert not is_logged_model(tmp_path)
    with pytest.raises(ModelNotFoundError, match="no MLflow model directory"):
        open_logged_model(tmp_path / "absent")
