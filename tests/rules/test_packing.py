"""KG45x: a conda environment that is about to be packed."""

from __future__ import annotations

from typing import Any

import pytest

from mlflow_kerasguard.engine import check_model
from mlflow_kerasguard.model import Origin
from mlflow_kerasguard.packable import Packable
from tests.builders import Case, environment, model


def packable(**fields: Any) -> Any:
    return environment(
        packages={"keras": "3.15.1", "odd": "local build"}, packable=Packable(prefix="/envs/a", **fields)
    )


def logged(**distributions: str) -> Any:
    return model(origin=Origin(python="3.11.7", distributions=distributions))


OTHER_KERAS = logged(keras="3.14.0")

CASES = [
    Case(
        code="KG450",
        name="editable",
        environment=packable(editable={"shop": "/home/me/shop"}),
        fires=True,
        where="`shop`",
        found="leads to the sources in `/home/me/shop`",
    ),
    Case(code="KG450", name="none is editable", environment=packable(), fires=False),
    Case(code="KG450", name="not to be packed", fires=False),
    Case(
        code="KG451",
        name="upgraded by pip",
        environment=packable(missing={"pip 23.2.1": ("a", "b", "c", "d", "e")}),
        fires=True,
        where="conda package `pip 23.2.1`",
        found="`a`, `b`, `c` and 2 others are gone or replaced",
    ),
    Case(
        code="KG451",
        name="one file",
        environment=packable(missing={"pip 23.2.1": ("a",)}),
        fires=True,
        found="`a` is gone or replaced",
    ),
    Case(code="KG451", name="all there", environment=packable(), fires=False),
    Case(code="KG451", name="not to be packed", fires=False),
    Case(code="KG452", name="cleaned", environment=packable(uncached=("zlib 1.3",)), fires=True, found="`zlib 1.3`"),
    Case(code="KG452", name="all in the cache", environment=packable(), fires=False),
    Case(code="KG452", name="not to be packed", fires=False),
    Case(
        code="KG453",
        name="a virtual environment in disguise",
        environment=packable(outside_links={"bin/python3.11": "/usr/bin/python3.11"}),
        fires=True,
        where="`bin/python3.11`",
        found="a link to `/usr/bin/python3.11`",
    ),
    Case(code="KG453", name="another link", environment=packable(outside_links={"bin/x": "/usr/bin/x"}), fires=False),
    Case(code="KG453", name="not to be packed", fires=False),
    Case(
        code="KG454",
        name="absolute",
        environment=packable(outside_links={"share/zoneinfo": "/usr/share/zoneinfo"}),
        fires=True,
        where="`share/zoneinfo`",
        found="a link to `/usr/share/zoneinfo`",
    ),
    Case(code="KG454", name="the Python", environment=packable(outside_links={"bin/python": "/x"}), fires=False),
    Case(code="KG454", name="not to be packed", fires=False),
    Case(
        code="KG455",
        name="another release",
        model=OTHER_KERAS,
        environment=packable(),
        fires=True,
        where="`keras`",
        found="`keras` 3.15.1",
    ),
    Case(code="KG455", name="gone", model=logged(h5py="3.10"), environment=packable(), fires=True, found="no `h5py`"),
    Case(
        code="KG455",
        name="another Python",
        model=model(origin=Origin(python="3.12.1")),
        environment=packable(),
        fires=True,
        where="Python",
        found="Python 3.11.7",
    ),
    Case(
        code="KG455", name="no version", model=logged(odd="1"), environment=packable(), fires=True, found="local build"
    ),
    Case(code="KG455", name="the same", model=logged(keras="3.15.1"), environment=packable(), fires=False),
    Case(code="KG455", name="own build of it", model=logged(keras="3.15.1+k1"), environment=packable(), fires=False),
    Case(code="KG455", name="as wanted", model=OTHER_KERAS, environment=packable(may_differ=True), fires=False),
    Case(code="KG455", name="a bare file", environment=packable(), fires=False),
    Case(code="KG455", name="not to be packed", model=OTHER_KERAS, fires=False),
]


@pytest.mark.parametrize(
    ("fields", "command"),
    [
        ({"editable": {"shop": "/s"}}, "/envs/a/bin/python -m pip install --force-reinstall --no-deps /s"),
        ({"editable": {"shop": ""}}, "/envs/a/bin/python -m pip install --force-reinstall --no-deps shop"),
        ({"missing": {"pip 23": ("a",)}}, "conda install --prefix /envs/a --force-reinstall pip"),
        ({"outside_links": {"bin/python": "/x"}}, "conda install --prefix /envs/a python"),
    ],
)
def test_fixes_are_commands(fields, command):
    [found] = check_model(model(), packable(**fields), families=("KG45",)).findings
    assert found.fix == command


def test_a_changed_environment_is_told_how_to_be_put_right():
    [found] = check_model(OTHER_KERAS, packable(), families=("KG45",)).findings
    assert found.fix.startswith("/envs/a/bin/python -m pip install 'keras==3.14.0'")
    assert "--allow-changed" in found.fix
