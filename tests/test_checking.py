"""A check as a whole: what a report says beside the findings."""

from __future__ import annotations

import tarfile

import pytest

from mlflow_kerasguard import check
from mlflow_kerasguard.engine import check_model
from mlflow_kerasguard.findings import Verdict
from mlflow_kerasguard.formats import read_model
from mlflow_kerasguard.keras_api import LoaderFacts
from mlflow_kerasguard.model import Section
from tests.builders import environment, function, model, unknown_environment
from tests.truth.record import CARRIED


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    """A compiled model that Keras 3.8 saved as HDF5, with `loss="mse"`."""
    directory = tmp_path_factory.mktemp("compiled")
    with tarfile.open(CARRIED / "models" / "3.8.0.tar.xz") as archive:
        archive.extractall(directory, filter="data")
    (path,) = directory.rglob("Seq_mlp_compiled.h5")
    return path


def test_a_model_that_fails_for_what_it_was_trained_with_alone(compiled):
    report = check(compiled, "keras==3.8.0")
    assert report.verdict is Verdict.INCOMPATIBLE
    assert report.details["verdict_without_compile"] == "compatible"
    assert "compile=False" in str(report)
    assert check(compiled, "keras==3.8.0", compile=False).verdict is Verdict.COMPATIBLE


def test_keras_3_0_compiles_whatever_it_is_told(compiled):
    report = check(compiled, "keras==3.0.5")
    assert report.verdict is Verdict.INCOMPATIBLE
    assert report.details["verdict_without_compile"] == "incompatible"
    assert "compile=False" not in str(report).split("error KG")[0]
    assert check(compiled, "keras==3.0.5", compile=False).verdict is Verdict.INCOMPATIBLE


def test_a_model_that_fails_anyway_has_nothing_to_say_apart(compiled):
    assert check(compiled, "keras==2.7.0").details["verdict_without_compile"] == "incompatible"


@pytest.mark.parametrize(("always", "verdict"), [(True, Verdict.INCOMPATIBLE), (False, Verdict.COMPATIBLE)])
def test_what_compile_false_leaves_alone(always, verdict):
    loss = function("keras.losses.gone", section=Section.COMPILE, role="loss", parent=None, has_module=False)
    spec = model(loss, format="h5", compile_config={"loss": "gone"})
    target = environment(keras={"loader": LoaderFacts(hdf5_compiles_always=always)})
    assert check_model(spec, target, compile=False).verdict is verdict


def test_of_an_unknown_keras_it_is_not_known_either(compiled):
    assert check_model(read_model(compiled), unknown_environment(), compile=False).verdict is Verdict.UNDECIDED
