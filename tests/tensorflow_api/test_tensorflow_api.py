"""The shipped history of TensorFlow: its invariants, and the installed release held against its row."""

from __future__ import annotations

import gzip
import json
from importlib.metadata import PackageNotFoundError, distribution
from itertools import pairwise
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.version import Version

from mlflow_kerasguard import tensorflow_api
from mlflow_kerasguard.keras_api import Unknown
from mlflow_kerasguard.tensorflow_api import deprecations, find_release, keras_names, operations, public_names, releases
from mlflow_kerasguard.tensorflow_api.table import NameTable
from tools.history.deprecations import deprecated_names
from tools.history.package_files import InstalledFiles
from tools.history.tensorflow import graph_facts, operation_entries, tensorflow_names

DIRECTORY = Path(tensorflow_api.__file__).parent

#: Operations that graphs of every age hold.
LASTING = {"Const", "Identity", "MatMul", "NoOp", "Placeholder", "ReadVariableOp", "Relu", "StatefulPartitionedCall"}


def installed() -> tuple[str, Path] | None:
    for name in ("tensorflow", "tensorflow-cpu"):
        try:
            found = distribution(name)
        except PackageNotFoundError:
            continue
        return found.version, Path(str(found.locate_file("")))
    return None


def tables() -> list[NameTable]:
    return [operations(), public_names(), *(keras_names.table(package) for package in keras_names.PACKAGES)]


@pytest.mark.parametrize("table", tables(), ids=["operations", "names", *keras_names.PACKAGES])
class TestTables:
    def test_releases_are_in_order(self, table):
        assert list(table.releases) == sorted(set(table.releases), key=Version)
        assert not any(Version(release).is_prerelease for release in table.releases)

    def test_each_name_is_there_once_and_in_order(self, table):
        names = [group.text.split("\n") for group in table.groups]
        assert all(group == sorted(group) for group in names)
        assert sum(map(len, names)) == len({name for group in names for name in group})

    def test_ranges_are_apart_and_in_order(self, table):
        for group in table.groups:
            assert all(0 <= first <= last < len(table.releases) for first, last in group.ranges)
            assert all(before[1] + 1 < after[0] for before, after in pairwise(group.ranges))
        assert len({group.ranges for group in table.groups}) == len(table.groups)


def test_it_is_small():
    assert sum(path.stat().st_size for path in DIRECTORY.glob("*.json.gz")) < 350_000


@pytest.mark.parametrize("path", sorted(DIRECTORY.glob("*.json.gz")), ids=lambda path: path.name)
def test_the_same_data_are_the_same_bytes(path):
    packed = path.read_bytes()
    assert packed[4:8] == bytes(4), "a time of writing"
    text = gzip.decompress(packed).decode()
    assert json.dumps(json.loads(text), separators=(",", ":")) == text


def test_all_tables_have_the_same_releases():
    assert releases() == operations().releases == public_names().releases == deprecations().releases


class TestReleases:
    @pytest.mark.parametrize("version", releases())
    def test_facts(self, version):
        release = find_release(version)
        assert release.operations >= LASTING
        assert {"tf.linalg.matmul", "tf.compat.v1.Session", "tf.keras", "tf.raw_ops.MatMul"} <= release.public_names
        assert {"tf.abs", "tf.Tensor", "tf.float32", "tf.newaxis", "tf.summary.scalar"} <= release.public_names
        assert release.deprecated_names.keys() <= release.public_names
        assert release.takes("MatMul", "transpose_a")
        assert not release.takes("MatMul", "transpose")
        assert release.min_producer < release.producer
        assert release.requires == tuple(str(line) for line in release.requires if Requirement(line))
        assert release.pythons == tuple(sorted(release.pythons, key=Version)) != ()
        if release.requires_python:
            assert all(SpecifierSet(release.requires_python).contains(f"{python}.5") for python in release.pythons)

    def test_graph_versions_never_fall(self):
        producers = [find_release(version).producer for version in releases()]
        assert producers == sorted(producers)

    def test_patch_releases_change_nothing(self):
        for version in releases():
            first = Version(version)
            kin = find_release(next(item for item in releases() if Version(item).release[:2] == first.release[:2]))
            assert find_release(version).operations == kin.operations

    def test_known_facts(self):
        assert find_release("2.18.1").pythons == ("3.9", "3.10", "3.11", "3.12")
        assert "keras >=3.5.0" in find_release("2.18.1").requires
        assert find_release("2.15.1").requires_python == ">=3.9"
        # Every SavedModel of a newer TensorFlow holds it.
        assert operations().first_with("DisableCopyOnRead") == "2.10.0"
        assert find_release("2.12.0").has_name("tf.linalg.det")

    def test_a_local_version_is_the_same_release(self):
        assert find_release("2.18.0+cpu").operations == find_release("2.18.0").operations

    @pytest.mark.parametrize("version", ["2.3.0", "2.999.0", "", "2.21.0rc0"])
    def test_one_that_is_not_there(self, version):
        with pytest.raises(Unknown, match=f"the history lacks TensorFlow {version}"):
            find_release(version)


class TestNames:
    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("tf.linalg.det", True),
            ("tf.compat.v2.linalg.det", True),
            ("tf.compat.v2.compat.v2.linalg.det", True),
            ("tf.compat.v1.placeholder", True),
            ("tf.placeholder", False),
            ("tf.keras", True),
            ("tf", True),
        ],
    )
    def test_has_name(self, name, expected):
        assert find_release("2.18.0").has_name(name) is expected

    @pytest.mark.parametrize("name", ["tf.keras.layers.Dense", "tf.compat.v2.keras.Model", "tf.losses.mse"])
    def test_what_other_packages_bring(self, name):
        with pytest.raises(Unknown, match=r"isn't TensorFlow's own: whether it has `tf\..*` is another"):
            find_release("2.18.0").has_name(name)

    @pytest.mark.parametrize(
        ("version", "name", "instructions"),
        [
            ("2.4.0", "tf.compat.v1.log", "Use `tf.math.log` instead"),
            ("2.21.0", "tf.compat.v1.depth_to_space", "Use `tf.compat.v1.nn.depth_to_space` instead"),
            ("2.21.0", "tf.math.accumulate_n", "Use `tf.math.add_n` Instead"),
            ("2.21.0", "tf.data.experimental.unique", "Use `tf.data.Dataset.unique(...)`"),
            ("2.21.0", "tf.nn.RNNCellDeviceWrapper", "Please use tf.keras.layers.RNN instead"),
            ("2.21.0", "tf.quantization.quantize_and_dequantize", ""),
            ("2.4.0", "tf.math.log", None),
        ],
    )
    def test_deprecated(self, version, name, instructions):
        assert find_release(version).deprecated_names.get(name) == instructions

    def test_estimator_went(self):
        assert public_names().first_without("tf.estimator") == "2.16.1"


@pytest.fixture(scope="module")
def files() -> InstalledFiles:
    return InstalledFiles(installed()[1], "tensorflow")


@pytest.fixture(scope="module")
def version() -> str:
    version = installed()[0]
    return version if version in releases() else pytest.fail(f"run `python -m tools.history tensorflow`: {version}")


@pytest.mark.skipif(installed() is None, reason="no TensorFlow is installed")
class TestInstalledRelease:
    def test_operations(self, files, version):
        assert operation_entries(files) == operations().at(version)

    def test_public_names(self, files, version):
        assert tensorflow_names(files) == public_names().at(version)

    def test_deprecated_names(self, files, version):
        assert deprecated_names(files) == deprecations().at(version)

    def test_facts(self, files, version):
        release, facts = find_release(version), graph_facts(files)
        assert (release.producer, release.min_producer) == (facts["producer"], facts["min_producer"])
        assert sorted(release.foreign_names) == facts["foreign_names"]

    def test_tensorflow_says_the_same(self, version):
        import tensorflow as tf
        from tensorflow.python.framework import op_def_registry

        release = find_release(version)
        assert release.producer == tf.version.GRAPH_DEF_VERSION
        for name in release.operations:
            definition = op_def_registry.get(name)
            assert definition is not None, name
            for attribute in definition.attr:
                assert release.takes(name, attribute.name), f"{name}.{attribute.name}"
        names = {name for name in release.public_names if name.count(".") == 1} - release.foreign_names
        assert [name for name in sorted(names) if not hasattr(tf, name.removeprefix("tf."))] == []
        shown = {f"tf.{name}" for name in dir(tf) if not name.startswith("_")}
        private = {"tf.core", "tf.dtensor", "tf.python", "tf.security", "tf.tools", "tf.tsl"}
        assert shown - release.public_names <= private
