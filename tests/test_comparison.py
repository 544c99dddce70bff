"""What two models differ in: versions, objects, configuration, weights, code and environment."""

from __future__ import annotations

import json

import pytest

from mlflow_kerasguard.cli import main
from mlflow_kerasguard.comparison import Difference, diff
from mlflow_kerasguard.errors import ModelNotFoundError
from tests.conftest import sign_again
from tests.files import dense, layer, write_keras

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:mlflow")


@pytest.fixture
def original(_logged_once):
    return _logged_once


def sections(differences):
    return [item.section for item in differences]


@pytest.fixture
def changed(logged):
    """Gives a copy of the logged model in which the layer's code is another."""

    def change(text, **more):
        path = logged / "kerasguard" / "code" / "scale_layers.py"
        path.write_text(path.read_text().replace(*text) if isinstance(text, tuple) else text)
        sign_again(logged, **more)
        return logged

    return change


def test_the_same_file(tmp_path):
    path = write_keras(tmp_path / "model.keras", dense())
    assert diff(path, path) == ()


def test_versions_and_configuration(tmp_path):
    first = write_keras(tmp_path / "a.keras", dense(units=2), keras_version="3.7.0")
    second = write_keras(tmp_path / "b.keras", dense(units=3), keras_version="3.14.1")
    assert diff(first, second) == (
        Difference(section="versions", where="Keras", before="3.7.0", after="3.14.1"),
        Difference(section="config", where='layers["dense"].units', before="2", after="3"),
    )


def test_objects_and_weights(tmp_path):
    first = write_keras(tmp_path / "a.keras", dense("x"))
    second = write_keras(tmp_path / "b.keras", dense("x"), dense("y"))
    found = diff(first, second)
    assert sections(found) == ["objects", "objects", "weights", "weights"]
    assert found[0] == Difference(section="objects", where='layers["y"]', before=None, after="keras.layers.Dense")
    assert found[1].where == 'layers["y"].activation'
    assert found[2].after == "(3, 2) float32"
    assert [item.before for item in diff(second, first)] == [item.after for item in found]


def test_a_class_of_another_name(tmp_path):
    first = write_keras(tmp_path / "a.keras", layer("Scale", module="shop", registered_name="shop>Scale", name="s"))
    second = write_keras(tmp_path / "b.keras", layer("Scale", module="shop", registered_name="store>Scale", name="s"))
    assert diff(first, second)[0] == Difference(
        section="objects", where='layers["s"]', before="shop>Scale", after="store>Scale"
    )


def test_long_values_are_cut_and_objects_within_stand_for_themselves(tmp_path):
    inner = layer("Constant", module="keras.initializers", value=1)
    first = write_keras(tmp_path / "a.keras", layer("Dense", name="d", sizes=list(range(99)), init=[inner]))
    second = write_keras(
        tmp_path / "b.keras", layer("Dense", name="d", sizes=[], init=[{**inner, "config": {"name": "constant"}}])
    )
    found = {item.where: item for item in diff(first, second)}
    assert found['layers["d"].sizes'].before.endswith(" ...")
    assert 'layers["d"].init' not in found
    assert any(where.endswith(".value") for where in found)


def test_code_that_changed(original, changed):
    (found,) = diff(original, changed(("* later()", "+ later()")))
    assert (found.section, found.where, found.before) == ("code", "tests>Scale", "scale_layers:Scale")
    assert found.details[0] == "`Scale.call` changed"
    assert "-        return inputs * factor() * later()" in found.details
    assert "+        return inputs * factor() + later()" in found.details


def test_a_new_parameter(original, changed):
    constructor = "\n    def __init__(self, activation='relu', **kwargs):\n        super().__init__(**kwargs)\n"
    (found,) = diff(original, changed(("Layer):\n", f"Layer):{constructor}")))
    assert found.details[:3] == (
        "`Scale.__init__` gained `activation='relu'`",
        "`Scale.__init__` gained `**kwargs`",
        "`Scale.__init__` is new",
    )


def test_comments_only(original, changed):
    (found,) = diff(original, changed(("Layer):\n", "Layer):  # an idea\n")))
    assert found.details[0] == "only comments, docstrings or layout changed"


def test_code_of_one_model_only(original, changed):
    code = json.loads((original / "kerasguard" / "signature.json").read_text())["code"]
    (found,) = diff(original, changed(("", ""), code={**code, "objects": {}}))
    assert (found.where, found.before, found.after) == ("tests>Scale", "scale_layers:Scale", None)


@pytest.mark.parametrize("text", ["Scale = make()\n", "syntax of another Python\n"])
def test_an_object_of_which_no_definition_is_found(text, original, changed):
    (found,) = diff(original, changed(text))
    assert found.details[0] == "--- a/tests>Scale"


def test_code_of_a_model_whose_files_changed_is_not_read(original, logged):
    (logged / "kerasguard" / "code" / "scale_layers.py").write_text("x = 1\n")
    assert [(item.section, item.after) for item in diff(original, logged)] == [("code", None)]


def test_environments(original, changed):
    environment = json.loads((original / "kerasguard" / "signature.json").read_text())["environment"]
    other = {**environment, "python": "3.9.1", "distributions": {**environment["distributions"], "h5py": "3.0"}}
    found = diff(original, changed(("", ""), environment=other))
    assert [(item.section, item.where, item.after) for item in found] == [
        ("versions", "Python", "3.9.1"),
        ("environment", "h5py", "3.0"),
    ]


def test_nothing_there(tmp_path):
    with pytest.raises(ModelNotFoundError, match="there is no model at"):
        diff(tmp_path / "a.keras", tmp_path / "b.keras")


def test_the_command(tmp_path, capsys):
    first, second = (write_keras(tmp_path / f"{n}.keras", dense(units=n)) for n in (2, 3))
    assert main(["diff", str(first), str(first)]) == 0
    assert capsys.readouterr().out.endswith("no differences\n")
    assert main(["diff", str(first), str(second)]) == 1
    assert '  layers["dense"].units: 2 -> 3\n' in capsys.readouterr().out
    assert main(["diff", str(first), str(second), "--format", "json"]) == 1
    assert len(json.loads(capsys.readouterr().out)["differences"]) == 1
    assert main(["diff", str(first), str(tmp_path / "gone.keras")]) == 2
