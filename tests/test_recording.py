"""What the model in memory predicts when it is logged, on made-up inputs."""

from __future__ import annotations

import pytest

from mlflow_kerasguard import artifact, golden
from mlflow_kerasguard.recording import record_predictions
from tests.keras_cases import Doubled, keras, rows, sequential

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:mlflow")


@pytest.fixture
def directory(tmp_path):
    (tmp_path / artifact.OWN_DIRECTORY).mkdir()
    return tmp_path


def kept(directory):
    return golden.read(directory / artifact.GOLDEN)


def test_inputs_of_a_length_that_the_model_takes(directory):
    inputs = keras.Input((None,), dtype="int32")
    hidden = keras.layers.Embedding(4, 2)(inputs)
    pooled = keras.layers.AveragePooling1D(pool_size=100)(hidden)
    model = keras.Model(inputs, keras.layers.Flatten()(keras.layers.Dense(1)(pooled[:, :1])))
    assert record_predictions(model, None, None, directory).inputs == "generated"
    assert kept(directory).generated


def test_models_that_dont_predict_on_made_up_inputs(directory, caplog):
    class Picky(Doubled):
        def call(self, inputs):
            if inputs.shape[0] not in (1, None):
                raise ValueError("one row only")
            return super().call(inputs)

    model = Picky()
    model(rows(1, 3))
    assert record_predictions(model, None, None, directory).inputs is None
    assert "one row only" in caplog.text
    assert not (directory / artifact.GOLDEN).exists()


def test_models_that_say_nothing(directory, caplog):
    model = sequential()
    model.get_build_config = lambda: None

    class Silent(type(model)):
        inputs = None

        @property
        def input(self):
            raise AttributeError

    model.__class__ = Silent
    assert record_predictions(model, None, None, directory).inputs is None
    assert "nothing says what it takes" in caplog.text
