"""Code that travels with a model: what is captured, and how it comes back without disturbing the process."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from mlflow_kerasguard import load_model, save_model
from mlflow_kerasguard.custom_code.capture import CapturedCode, capture
from mlflow_kerasguard.custom_code.live_objects import LiveObjects, is_custom
from mlflow_kerasguard.custom_code.local_modules import find_source, is_installed
from mlflow_kerasguard.errors import CodeCaptureError, UsageError
from mlflow_kerasguard.keras_runtime import runtime_of
from mlflow_kerasguard.model import Kind, ModelSpec, ObjectRef
from mlflow_kerasguard.source_code.imports import imported_names
from tests.conftest import HELPERS, LAYERS
from tests.keras_cases import keras, rows, sequential

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:mlflow")

NAME = keras.__name__


def captured(model, *refs, custom_objects=None, code_paths=()) -> CapturedCode:
    given = custom_objects or {}
    live = LiveObjects(model, runtime_of(model), given)
    spec = ModelSpec(source="", format="keras", objects=refs)
    return capture(spec, live, custom_objects=given, code_paths=code_paths)


def scale_ref(module="scale_layers", name="tests>Scale"):
    return ObjectRef(class_name="Scale", module=module, registered_name=name, has_module=True)


@pytest.fixture
def scale(local_modules):
    yield local_modules(scale_layers=LAYERS.format(keras=NAME), helpers=HELPERS.format(factor=3.0))
    keras.utils.get_custom_objects().pop("tests>Scale", None)


def with_layer(*layers):
    return keras.Sequential([keras.layers.InputLayer((3,)), *layers])


def test_a_class_with_what_it_imports(scale):
    found = captured(with_layer(scale.Scale()), scale_ref())
    assert set(found.files) == {"scale_layers.py", "helpers.py"}
    assert found.modules == {"scale_layers": "scale_layers.py", "helpers": "helpers.py"}
    assert found.objects == {"tests>Scale": "scale_layers:Scale"}
    assert found.imports == {NAME}


def test_the_files_that_were_captured_are_known(scale):
    found = captured(with_layer(scale.Scale()), scale_ref())
    assert {path.name for path in found.sources} == {"scale_layers.py", "helpers.py"}


def test_public_names_of_what_was_captured(scale):
    found = captured(with_layer(scale.Scale()), scale_ref()).public_names()
    assert found[f"{NAME}.layers.Layer"].startswith("scale_layers.py:")


FINDABLE = {
    "by its registered name": scale_ref(module=None),
    "by its module": scale_ref(name="another name"),
    "by what the model holds": ObjectRef(class_name="Scale"),
    "a function by its bare name": ObjectRef(
        class_name="Scale", kind=Kind.FUNCTION, module="builtins", has_module=True
    ),
}


@pytest.mark.parametrize("ref", FINDABLE.values(), ids=FINDABLE)
def test_objects_are_found(ref, scale):
    assert set(captured(with_layer(scale.Scale()), ref).objects.values()) == {"scale_layers:Scale"}


KERAS_OWN = {
    "a layer": ObjectRef(class_name="Dense", module="keras.layers", has_module=True),
    "a legacy layer": ObjectRef(class_name="Dense"),
    "a function": ObjectRef(class_name="relu", kind=Kind.FUNCTION, module="builtins", has_module=True),
    "a lambda": ObjectRef(class_name="__lambda__", kind=Kind.LAMBDA),
    "nobody knows": ObjectRef(class_name="Unheard", module="nowhere.layers", has_module=True),
}


@pytest.mark.parametrize("ref", KERAS_OWN.values(), ids=KERAS_OWN)
def test_nothing_is_packaged_for(ref, scale):
    assert captured(sequential(), ref) == CapturedCode()


def test_functions_inside_the_model(scale):
    model = with_layer(keras.layers.Dense(2, activation=scale.triple))
    ref = ObjectRef(class_name="triple", kind=Kind.FUNCTION, module="builtins", has_module=True)
    assert captured(model, ref).objects == {"triple": "scale_layers:triple"}


def test_what_the_user_names_is_packaged_under_that_name(scale):
    found = captured(
        sequential(), custom_objects={"thrice": scale.triple, "mean": np.mean, "dense": keras.layers.Dense}
    )
    assert found.objects == {"thrice": "scale_layers:triple"}
    assert found.imported_objects["mean"] == "numpy:mean"
    assert found.imported_objects["dense"].endswith(":Dense")


def test_an_installed_package_isnt_copied():
    from packaging.version import Version

    found = captured(sequential(), custom_objects={"Version": Version})
    assert found.imported_objects == {"Version": "packaging.version:Version"}
    assert (found.files, found.imports) == ({}, {"packaging.version"})


def test_packages_and_relative_imports(local_modules):
    module = local_modules(
        pack__deep__layers=f"""
from ..tools import tool
from . import sibling
import {NAME} as keras, os.path
try:
    from nowhere import x
except ImportError:
    pass
class Scale(keras.layers.Layer):
    pass
""",
        pack__init="VERSION = 1\n",
        pack__deep__sibling="import pack.late\n",
        pack__tools="def tool():\n    pass\n",
        pack__late="",
        pack__unused="",
    )
    found = captured(with_layer(module.Scale()), scale_ref("pack.deep.layers", "Scale"))
    assert set(found.files) == {
        "pack/__init__.py",
        "pack/deep/layers.py",
        "pack/deep/sibling.py",
        "pack/late.py",
        "pack/tools.py",
    }
    assert found.modules["pack"] == "pack/__init__.py"


def test_code_paths_are_added(tmp_path, scale):
    extra = tmp_path / "extra"
    for name in ("__init__.py", "module.py", "data.json", "not-a-module.py", "__pycache__/module.pyc"):
        (extra / name).parent.mkdir(parents=True, exist_ok=True)
        (extra / name).write_text("")
    single = tmp_path / "single.py"
    single.write_text("x = 1\n")
    found = captured(with_layer(scale.Scale()), scale_ref(), code_paths=[extra, str(single), scale.__file__])
    assert {"extra/__init__.py", "extra/data.json", "single.py", "scale_layers.py"} <= set(found.files)
    assert "extra/__pycache__/module.pyc" not in found.files
    assert set(found.modules) == {"extra", "extra.module", "single", "scale_layers", "helpers"}


def test_code_paths_may_hold_code_for_another_python(tmp_path):
    (tmp_path / "old.py").write_text("print 'old'\n")
    save_model(sequential(), tmp_path / "model", code_paths=[tmp_path / "old.py"], rehearse=False)
    assert (tmp_path / "model" / "kerasguard" / "code" / "old.py").is_file()


def test_code_paths_that_cant_be_used(tmp_path, scale):
    other = tmp_path / "other" / "helpers.py"
    other.parent.mkdir()
    other.write_text("x = 1\n")
    with pytest.raises(UsageError, match=r"two different files .* `helpers\.py`"):
        captured(with_layer(scale.Scale()), scale_ref(), code_paths=[other])
    with pytest.raises(UsageError, match="a list of paths, not"):
        captured(sequential(), code_paths=str(other))
    with pytest.raises(UsageError, match="there is nothing at `absent`"):
        captured(sequential(), code_paths=["absent"])


def _typed():
    scope = {"__name__": "typed"}
    exec("def typed(x):\n    return x", scope)
    return scope["typed"]


UNREACHABLE = {
    "an instance": (lambda: 3, "has to be a class or a function"),
    "a lambda": (lambda: lambda x: x, "inside a function"),
    "typed in": (_typed, "no source file"),
}


@pytest.mark.parametrize("case", UNREACHABLE.values(), ids=UNREACHABLE)
def test_what_has_no_source_is_refused(case):
    make, text = case
    with pytest.raises(CodeCaptureError, match=f"`thing`.*{text}"):
        captured(sequential(), custom_objects={"thing": make()})


def test_a_module_that_changed_into_nonsense(local_modules):
    module = local_modules(nonsense="def f(x):\n    return x\n")
    Path(module.__file__).write_text("def f(:\n")
    with pytest.raises(CodeCaptureError, match=r"`nonsense` .* isn't valid Python"):
        captured(sequential(), custom_objects={"f": module.f})


def test_where_sources_are(local_modules):
    assert local_modules(spread__module="", unloaded="")
    assert find_source("unloaded").path.name == "unloaded.py"
    assert find_source("spread").path is None
    assert find_source("packaging.version").is_foreign
    assert find_source("json.decoder").is_foreign
    assert find_source("sys") is None
    assert find_source("absent.module") is None
    assert find_source("json.decoder.absent") is None
    assert is_installed(Path("/x/site-packages/a.py"))
    assert imported_names(b"from . import a\nfrom ..b import c\nimport d.e\nfrom f import *", "p.q") == {
        "p.q",
        "p.q.a",
        "p.b",
        "p.b.c",
        "d.e",
        "f",
    }
    assert is_custom(captured)
    assert not is_custom(np.mean)


def test_a_restored_layer_runs_inside_a_compiled_function(scale, tmp_path):
    model = with_layer(scale.Scale())
    save_model(model, tmp_path / "model", input_example=rows(2, 3), rehearse=False)
    for name in ("scale_layers", "helpers"):
        del sys.modules[name]
    loaded = load_model(tmp_path / "model", verify=True)
    data = rows(2, 3)
    np.testing.assert_allclose(loaded.predict(data, verbose=0), 3 * data, rtol=1e-5)
