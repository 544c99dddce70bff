"""The shipped history of releases: its invariants, and that it says what the reader sees in an installation."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from mlflow_kerasguard.environment.installed import installed
from mlflow_kerasguard.keras_api import Unknown
from mlflow_kerasguard.keras_api.history import FILE, LAYOUT, find_release, releases
from mlflow_kerasguard.keras_api.module_json import decode_loader, encode_loader
from mlflow_kerasguard.model import ObjectRef, Section

NAMESPACES = ("layers", "initializers", "regularizers", "constraints", "losses", "metrics", "optimizers", "activations")

EVERY = [(package, version) for package in ("keras", "tf_keras") for version in releases(package)]


@pytest.fixture(scope="module")
def rows():
    with closing(sqlite3.connect(FILE)) as connection:
        yield connection


def layer(name, role="layers", module="keras.layers"):
    return ObjectRef(class_name=name, module=module, has_module=module is not None, role=role, parent=0)


def test_known_releases():
    known = releases("keras")
    assert list(known) == sorted(known, key=Version)
    assert {"2.4.0", "2.5.0", "2.6.0", "2.15.0", "3.0.0", "3.0.5", "3.8.0", "3.15.1"} <= set(known)
    assert {"2.15.1", "2.16.0", "2.18.0"} <= set(releases("tf_keras"))
    assert releases("numpy") == ()


def test_an_unknown_release():
    with pytest.raises(Unknown, match=r"`keras` 99\.0 isn't in the history of releases, which ends at 3\."):
        find_release("keras", "99.0")
    with pytest.raises(Unknown, match="`numpy` 1"):
        find_release("numpy", "1")


def test_size_and_layout(rows):
    assert rows.execute("PRAGMA user_version").fetchone() == (LAYOUT,)
    assert rows.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_no_fact_twice_and_none_unused(rows):
    texts = [text for (text,) in rows.execute("SELECT json FROM facts")]
    assert len(texts) == len(set(texts))
    used = {number for (number,) in rows.execute("SELECT DISTINCT facts FROM modules")}
    assert used == {number for (number,) in rows.execute("SELECT id FROM facts")}


def test_spans_of_a_module_follow_each_other(rows):
    spans = rows.execute(
        "SELECT package, name, first, last, facts FROM modules ORDER BY package, name, first"
    ).fetchall()
    for before, after in pairwise(spans):
        if before[:2] == after[:2]:
            assert before[3] < after[2], before
            assert before[4] != after[4] or before[3] + 1 < after[2], "two runs that should be one"
    assert all(first <= last for _, _, first, last, _ in spans)


@pytest.mark.parametrize(("package", "version"), EVERY)
def test_what_every_release_has(package, version):
    release = find_release(package, version)
    assert release.api.package == package
    assert release.api.version == version
    for name in ("Dense", "Conv2D", "LSTM", "BatchNormalization", "InputLayer"):
        found = release.api.find_class(layer(name), legacy_hdf5=False)
        assert found is not None, name
        assert found.accepts("name")
        assert found.path.startswith(f"{package}.")
    assert release.api.find_class(layer("NoSuchLayer"), legacy_hdf5=False) is None
    dense = release.api.find_class(layer("Dense", module=None), legacy_hdf5=True)
    assert dense.required == {"units"}
    assert dense.accepts("kernel_initializer")
    assert not dense.accepts("no_such_key")
    function = ObjectRef(class_name="relu", module="keras.activations", role="activation", section=Section.MODEL)
    assert release.api.find_function(function, legacy_hdf5=False).path.endswith(".relu")
    if release.requires_python:
        assert SpecifierSet(release.requires_python)


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("GroupQueryAttention", "3.0.0"),
        ("Pipeline", "3.8.0"),
        ("MelSpectrogram", "3.4.0"),
        ("RMSNormalization", "3.9.0"),
    ],
)
def test_when_a_layer_came(name, first):
    having = [v for v in releases("keras") if find_release("keras", v).api.find_class(layer(name), legacy_hdf5=False)]
    assert having == [v for v in releases("keras") if Version(v) >= Version(having[0])]
    assert Version(having[0]) <= Version(first)


def test_when_dense_began_to_write_a_key_that_stops_older_releases():
    takes = {
        v: find_release("keras", v).api.find_class(layer("Dense"), legacy_hdf5=False).accepts("quantization_config")
        for v in releases("keras")
    }
    assert not takes["3.12.4"]
    assert takes["3.13.0"]
    assert takes["3.15.1"]


@pytest.fixture(scope="module")
def here():
    """The installed Keras and its row. Where it is newer than the history: `python -m tools.history keras`."""
    api = installed().read_keras_api("keras")
    return api, find_release("keras", api.version).api


def test_the_installed_keras_is_what_its_row_says(here):
    static, recorded = here
    assert recorded.loader == static.loader
    root = Path(installed_keras())
    checked = 0
    for path in sorted(root.rglob("*.py")):
        name = ".".join(path.relative_to(root.parent).with_suffix("").parts).removesuffix(".__init__")
        module, row = static.tree.module(name), recorded.tree.module(name)
        if row is None:
            continue
        checked += 1
        assert row.is_package == module.is_package
        assert row.star_imports == module.star_imports
        assert row.tables == module.tables
        assert row.imports == {k: v for k, v in module.imports.items() if v.module.split(".")[0] == "keras"}
        for defined in module.outline.defined:
            assert row.has_class(defined) == module.has_class(defined)
            assert row.has_function(defined) == module.has_function(defined)
            assert row.alias(defined) == module.alias(defined)
            if module.has_function(defined):
                assert row.exported_as(defined) == module.exported_as(defined)
            if module.has_class(defined):
                assert row.is_registered(defined) == module.is_registered(defined)
                assert_same_class(row.find_class(defined), module.find_class(defined))
    assert checked > 400


def assert_same_class(row, module):
    for name in ("bases", "constructor", "from_config", "build", "saves_assets"):
        assert getattr(row, name) == getattr(module, name), name


def installed_keras():
    from importlib.util import find_spec

    return next(iter(find_spec("keras").submodule_search_locations))


def test_lookups_give_the_same(here):
    static, recorded = here
    seen = 0
    for namespace in NAMESPACES:
        module = static.tree.module(f"keras.{namespace}")
        for name in module.imports:
            for legacy in (False, True):
                ref = layer(name, role=namespace, module=None if legacy else f"keras.{namespace}")
                assert recorded.find_class(ref, legacy_hdf5=legacy) == static.find_class(ref, legacy_hdf5=legacy), name
                seen += 1
            function = ObjectRef(class_name=name, module=f"keras.{namespace}", role=namespace)
            given = static.find_function(function, legacy_hdf5=False)
            assert recorded.find_function(function, legacy_hdf5=False) == given, name
    assert seen > 400


def test_loader_facts_survive_json(here):
    static, _ = here
    assert decode_loader(encode_loader(static.loader)) == static.loader
