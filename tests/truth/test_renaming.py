"""Names decide nothing: other names for file, layers and models, the same verdict and the same rules."""

from __future__ import annotations

import json
import os
import random
import zipfile

import pytest

from mlflow_kerasguard.engine import check_model
from mlflow_kerasguard.formats import read_model
from tests.truth.renaming import new_names, rename_config, rename_training, renamed

#: Files drawn in each run, of both formats and any saver.
DRAWN = 60

#: Set it to a number that a failure printed, to draw the same files and names again.
SEED = "RENAMING_SEED"


def test_no_verdict_changes(record, environments, tmp_path):
    seed = int(os.environ.get(SEED) or random.SystemRandom().randrange(2**32))
    chance = random.Random(seed)
    for saver, file in chance.sample(record.files, DRAWN):
        path = renamed(record.path(saver, file), tmp_path, chance)
        other = read_model(path)
        for loader, environment in environments.items():
            before = _outcome(check_model(record.spec(saver, file), environment))
            assert _outcome(check_model(other, environment)) == before, (
                f"{file} of {saver}, renamed to {path.name}, against {loader}; {SEED}={seed} draws it again"
            )
        path.unlink()


def _outcome(report):
    return report.verdict, {item.code for item in report.findings}, {item.rule.code for item in report.undecided}


GRAPH = {
    "class_name": "Functional",
    "config": {
        "name": "model",
        "layers": [
            {
                "class_name": "InputLayer",
                "config": {"batch_shape": [None, 2], "name": "in"},
                "name": "in",
                "inbound_nodes": [],
            },
            {
                "class_name": "Dense",
                "config": {
                    "name": "dense",
                    "trainable": True,
                    "dtype": {"class_name": "DTypePolicy", "config": {"name": "in"}},
                },
                "name": "dense",
                "inbound_nodes": [
                    {"args": [{"class_name": "__keras_tensor__", "config": {"keras_history": ["in", 0, 0]}}]}
                ],
            },
            {
                "class_name": "Add",
                "config": {"name": "add"},
                "name": "add",
                "inbound_nodes": [[["in", 0, 0, {"y": ["dense", 0, 0]}]]],
            },
        ],
        "input_layers": ["in", 0, 0],
        "output_layers": [["dense", 0, 0], ["add", 0, 0]],
    },
}


def test_every_reference_is_renamed():
    names = {"model": "m", "in": "i", "dense": "d", "add": "a"}
    text = json.dumps(rename_config(GRAPH, names))
    for kept in ('"InputLayer"', '"DTypePolicy"', '"config": {"name": "in"}'):
        assert kept in text
    for changed in (
        '"keras_history": ["i", 0, 0]',
        '[[["i", 0, 0, {"y": ["d", 0, 0]}]]]',
        '"name": "m"',
        '"name": "d"',
    ):
        assert changed in text
    assert '"input_layers": ["i", 0, 0], "output_layers": [["d", 0, 0], ["a", 0, 0]]' in text


def test_every_layer_gets_a_name_of_its_own():
    names = new_names(GRAPH, random.Random(0))
    assert set(names) == {"model", "in", "dense", "add"}
    assert len(set(names.values())) == len(names)


def test_training_by_output():
    before = {"loss": {"dense": "mse"}, "metrics": ["mae"], "optimizer": {"class_name": "Adam"}}
    after = {"loss": {"d": "mse"}, "metrics": ["mae"], "optimizer": {"class_name": "Adam"}}
    assert rename_training(before, {"dense": "d"}) == after


@pytest.mark.parametrize("file", ["LSTM.keras", "LSTM.h5"])
@pytest.mark.parametrize("saver", ["k2.15", "3.15.1"])
def test_files_are_renamed(record, tmp_path, saver, file):
    path = renamed(record.path(saver, file), tmp_path, random.Random(1))
    before, after = record.spec(saver, file), read_model(path)
    assert path.name != file
    assert path.suffix == f".{file.partition('.')[2]}"
    assert zipfile.is_zipfile(path) == file.endswith(".keras")
    assert not {ref.config.get("name") for ref in after.objects if "trainable" in ref.config} & {"lstm", "dense"}
    assert sorted(weight.shape for weight in after.weights) == sorted(weight.shape for weight in before.weights)
    assert [anomaly.kind for anomaly in after.anomalies] == [anomaly.kind for anomaly in before.anomalies]
    if file.endswith(".h5"):
        assert not any(part == "lstm" for weight in after.weights for part in weight.path.split("/"))
