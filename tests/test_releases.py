"""Which releases load a model: ranges over the history, and the nearest release that does."""

from __future__ import annotations

import json
from itertools import pairwise

import pytest

from mlflow_kerasguard.checking import check, check_releases
from mlflow_kerasguard.cli import main
from mlflow_kerasguard.environment import Distribution, Environment
from mlflow_kerasguard.findings import Verdict
from mlflow_kerasguard.formats import read_model
from mlflow_kerasguard.keras_api import history
from mlflow_kerasguard.releases import find_nearest, judge_releases
from tests.files import layer, write_keras


@pytest.fixture
def quantized(tmp_path):
    """`quantization_config` came with Keras 3.13: nothing older takes it."""
    config = {"units": 2, "activation": "linear", "dtype": "float32", "quantization_config": None}
    return write_keras(tmp_path / "model.keras", layer("Dense", name="dense", **config))


@pytest.fixture
def impossible(tmp_path):
    return write_keras(tmp_path / "model.keras", layer("NoSuchLayer", name="mystery"))


def pinned(version, package="keras", **fields):
    distributions = {package: Distribution(name=package, version=version)}
    return Environment(source="a list", distributions=distributions, **fields)


def test_ranges_cover_every_release_once_and_in_order(quantized):
    _, ranges = check_releases(quantized)
    covered = [(item.package, version) for item in ranges for version in item.versions]
    assert covered == [(package, v) for package in ("keras", "tf_keras") for v in history.releases(package)]
    assert all(
        before.verdict is not after.verdict or before.reason != after.reason for before, after in pairwise(ranges)
    )


def test_the_border_names_the_key(quantized):
    ranges = judge_releases(read_model(quantized))
    loads = [item for item in ranges if item.verdict is Verdict.COMPATIBLE]
    (loading,) = loads
    assert loading.versions[0] == "3.13.0"
    assert loading.versions[-1] == history.releases("keras")[-1]
    assert loading.reason is None
    before = ranges[ranges.index(loading) - 1]
    assert before.versions[-1] == "3.12.4"
    assert "quantization_config" in before.reason.expected
    assert ranges[0].reason.code == "KG404"
    assert ranges[0].versions[-1] == "2.11.0"


def test_what_goes_with_a_range(quantized):
    ranges = judge_releases(read_model(quantized))
    by_release = {version: item for item in ranges for version in item.versions}
    assert "2.18.1" in by_release["3.13.0"].tensorflow
    assert "2.15.1" not in by_release["3.13.0"].tensorflow
    assert "3.11" in by_release["3.13.0"].pythons
    assert "2.15.1" in by_release["2.15.0"].tensorflow
    assert "2.4.4" in by_release["2.4.0"].tensorflow


def test_no_release_loads_it(impossible):
    ranges = judge_releases(read_model(impossible))
    assert {item.verdict for item in ranges} == {Verdict.INCOMPATIBLE}
    assert find_nearest(read_model(impossible), pinned("3.8.0")) is None


@pytest.mark.parametrize(
    ("environment", "nearest"),
    [
        (pinned("3.8.0"), "pip install 'keras==3.13.0'"),
        (pinned("2.15.0"), "pip install 'keras==3.13.0'"),
        # Keras 3.13 doesn't run on Python 3.9, and nothing older takes the key.
        (pinned("3.8.0", python="3.9.1"), None),
        (Environment(source="nothing"), f"pip install 'keras=={history.releases('keras')[-1]}'"),
    ],
)
def test_the_nearest_release(quantized, environment, nearest):
    assert find_nearest(read_model(quantized), environment) == nearest


def test_a_file_of_keras_2_that_keras_3_refuses_leads_to_tf_keras(tmp_path):
    path = write_keras(
        tmp_path / "old.keras", layer("LocallyConnected1D", filters=2, kernel_size=1), keras_version="2.17.0"
    )
    spec = read_model(path)
    command = find_nearest(spec, pinned("3.8.0"))
    assert command is None or "==2." in command


def test_the_fix_is_the_nearest_release(quantized):
    report = check(quantized, "keras==3.8.0")
    (finding,) = [item for item in report.errors if item.code == "KG301"]
    assert finding.fix == "pip install 'keras==3.13.0'"


def test_no_release_to_name(impossible):
    report = check(impossible, "keras==3.8.0")
    assert {item.fix for item in report.errors} == {
        "no known release of Keras loads it: build the model from its code, and copy the weights"
    }


def test_text(quantized, capsys):
    assert main(["releases", str(quantized)]) == 0
    text = capsys.readouterr().out
    assert f"model  {quantized}" in text
    assert "keras 3.13.0 to " in text
    assert "loads" in text
    assert "quantization_config" in text
    assert max(map(len, text.splitlines())) <= 120


def test_json(quantized, capsys):
    assert main(["releases", "--format", "json", str(quantized)]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["schema_version"] == 1
    verdicts = {item["versions"][-1]: item["verdict"] for item in document["ranges"]}
    assert verdicts[history.releases("keras")[-1]] == "compatible"
    assert verdicts["2.11.0"] == "incompatible"
    assert set(document["ranges"][0]) == {"package", "versions", "verdict", "reason", "unknown", "tensorflow", "python"}


def test_status_where_none_does(impossible, capsys):
    assert main(["releases", str(impossible)]) == 1
    assert "NoSuchLayer" in capsys.readouterr().out


def test_there_is_no_such_file(tmp_path, capsys):
    assert main(["releases", str(tmp_path / "gone.keras")]) == 2
    assert "gone.keras" in capsys.readouterr().err
