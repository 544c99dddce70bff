"""Which distributions a model itself needs, and what for."""

from __future__ import annotations

import pytest

from mlflow_kerasguard.errors import ModelNotLoggableError
from mlflow_kerasguard.pinning.direct import direct_roles, roles_of, with_undeclared
from mlflow_kerasguard.pinning.installed import InstalledDistributions
from mlflow_kerasguard.pinning.modules import ModuleOwners
from tests.pinning.builders import write_distribution

COMMON = {"mlflow": "serving", "h5py": "serialization", "numpy": "serialization"}
#: Package and backend; what is installed besides; what is found.
PLAYERS = {
    "usual": ("keras tensorflow", "keras tensorflow", {"keras": "keras", "tensorflow": "backend"}),
    "CPU build": ("keras tensorflow", "keras tensorflow-cpu", {"keras": "keras", "tensorflow-cpu": "backend"}),
    "two builds": (
        "keras tensorflow",
        "keras tensorflow tensorflow-cpu",
        {"keras": "keras", "tensorflow": "backend"},
    ),
    "legacy package": (
        "tf_keras tensorflow",
        "tf-keras tensorflow keras",
        {"tf-keras": "keras", "tensorflow": "backend"},
    ),
    "JAX": ("keras jax", "keras jax jaxlib", {"keras": "keras", "jax": "backend", "jaxlib": "backend"}),
    "torch": ("keras torch", "keras torch", {"keras": "keras", "torch": "backend"}),
    "NumPy": ("keras numpy", "keras", {"keras": "keras"}),
    "another backend": ("keras mine", "keras mine", {"keras": "keras", "mine": "backend"}),
}
OWNERS = ModuleOwners(
    {
        "tools": "tools/__init__.py,,\ntools/part.py,,\n",
        "helper": "helper.py,,\n",
        "further": "further.py,,\n",
        "keras": "keras/__init__.py,,\n",
        "mlflow-kerasguard": "mlflow_kerasguard/__init__.py,,\n",
    }
)


@pytest.fixture
def there(tmp_path):
    def write(names: str) -> InstalledDistributions:
        for name in [*names.split(), *COMMON, "mlflow-kerasguard"]:
            write_distribution(tmp_path, name)
        return InstalledDistributions((str(tmp_path),))

    return write


@pytest.mark.parametrize("case", PLAYERS.values(), ids=PLAYERS)
def test_which_are_in_play(case, there):
    (package, backend), installed, expected = case[0].split(), *case[1:]
    assert direct_roles(package, backend, (), there(installed), OWNERS) == {**expected, **COMMON}


@pytest.mark.parametrize(
    ("names", "missing"), [("keras", "tensorflow"), ("tensorflow", "keras")], ids=["no backend", "no Keras"]
)
def test_what_isnt_installed_cant_be_pinned(names, missing, there):
    with pytest.raises(ModelNotLoggableError, match=f"`{missing}` can't be pinned: none of .* is installed"):
        direct_roles("keras", "tensorflow", (), there(names), OWNERS)


def test_imports_of_packaged_code(there):
    modules = {"tools.part", "tools", "keras", "absent", "mlflow_kerasguard"}
    roles = direct_roles("keras", "numpy", modules, there("keras tools"), OWNERS)
    assert {name for name, role in roles.items() if role == "code"} == {"tools"}


#: Which module asked for which; what is added.
UNDECLARED = {
    "by packaged code's distribution": ({"helper": "tools"}, {"helper"}),
    "one after the other": ({"further": "helper", "helper": "tools"}, {"helper", "further"}),
    "by Keras": ({"helper": "keras"}, set()),
    "by nobody that was seen": ({"helper": ""}, set()),
    "without a distribution": ({"local": "tools"}, set()),
    "this package": ({"mlflow_kerasguard": "tools"}, set()),
}


@pytest.mark.parametrize("case", UNDECLARED.values(), ids=UNDECLARED)
def test_what_they_import_without_saying_so(case):
    asked_by, added = case
    direct = {"tools": "code", "keras": "keras"}
    assert set(with_undeclared(direct, asked_by, OWNERS)) - set(direct) == added


def test_roles_of_what_is_required():
    names = "keras numpy protobuf ml-dtypes rich tensorflow-intel tools mlflow"
    direct = {"keras": "keras", "numpy": "serialization", "tools": "code", "mlflow": "serving"}
    assert roles_of(direct, names.split()) == {
        **direct,
        "protobuf": "serialization",
        "ml-dtypes": "serialization",
        "rich": "transitive",
        "tensorflow-intel": "backend",
    }
