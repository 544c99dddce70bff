"""Compiled once for all numbers of rows, and never with another result than the model's own."""

from __future__ import annotations

import numpy as np
import pytest

from mlflow_kerasguard.serving import KerasModelWrapper
from mlflow_kerasguard.serving import batches as batches_module
from tests.keras_cases import BACKEND, IS_KERAS_3, Doubled, keras, rows, sequential, subclassed

on_tensorflow = pytest.mark.skipif(BACKEND != "tensorflow", reason="traced functions are TensorFlow's")
on_jax = pytest.mark.skipif(BACKEND != "jax", reason="only JAX compiles each size")

SIZES = range(1, 51)


def traces(wrapper: KerasModelWrapper) -> list[int]:
    return [function.experimental_get_tracing_count() for function in wrapper.forward.backend.functions]


@on_tensorflow
@pytest.mark.parametrize("make", [sequential, lambda: subclassed(rows(1, 3))], ids=["sequential", "subclassed"])
def test_one_trace_serves_fifty_sizes(make):
    wrapper = KerasModelWrapper(make())
    for size in SIZES:
        assert wrapper.predict(rows(size, 3)).shape == (size, 2)
    assert traces(wrapper) == [1]


@on_tensorflow
def test_a_second_length_is_traced_for_all_lengths():
    class Lengths(Doubled):
        def call(self, inputs):
            return inputs[..., :1]

    model = Lengths()
    model(rows(1, 3))
    wrapper = KerasModelWrapper(model)
    for length in (3, 4, 5, 6):
        assert wrapper.predict(rows(2, length)).shape == (2, 1)
    assert traces(wrapper) == [1, 1]
    assert wrapper.predict(rows(2, 3, 4)).shape == (2, 3, 1)
    assert traces(wrapper) == [1, 1, 1]


@on_jax
def test_few_compilations_serve_fifty_sizes():
    import jax

    wrapper = KerasModelWrapper(sequential())
    compilations = []
    jax.monitoring.register_event_duration_secs_listener(
        lambda name, *_, **__: compilations.append(name) if name.endswith("backend_compile_duration") else None
    )
    try:
        for size in SIZES:
            data = rows(size, 3)
            np.testing.assert_allclose(wrapper.predict(data), np.asarray(wrapper.model(data)), rtol=1e-4, atol=1e-5)
        wrapper_only = len(compilations)
        compilations.clear()
        for size in SIZES:
            wrapper.predict(rows(size, 3))
    finally:
        jax.monitoring.clear_event_listeners()
    assert wrapper_only > 0, "compilations are seen"
    assert compilations == []


class Shifted(Doubled):
    """Every row is taken relative to the batch's mean."""

    def call(self, inputs):
        return (
            inputs - keras.backend.mean(inputs, axis=0) if not IS_KERAS_3 else inputs - keras.ops.mean(inputs, axis=0)
        )


def built(cls, shape=(2, 3)):
    model = cls()
    model(rows(*shape))
    return model


@pytest.mark.parametrize("size", [1, 3, 5, 70])
def test_rows_that_depend_on_each_other_are_never_padded(size):
    wrapper = KerasModelWrapper(built(Shifted))
    data = rows(size, 3)
    np.testing.assert_allclose(wrapper.predict(data), wrapper.predict_as_keras(data), rtol=1e-4, atol=1e-5)
    assert wrapper.forward.independent is False


@pytest.mark.parametrize("size", [1, 3])
def test_outputs_that_are_no_rows(size):
    class Table(Doubled):
        def call(self, inputs):
            transpose = keras.ops.transpose if IS_KERAS_3 else keras.backend.transpose
            return inputs @ transpose(inputs)

    data = rows(size, 3)
    wrapper = KerasModelWrapper(built(Table))
    np.testing.assert_allclose(wrapper.predict(data), data @ data.T, rtol=1e-4, atol=1e-5)
    assert wrapper.forward.independent is False


class Untraceable(Doubled):
    def call(self, inputs):
        # Neither a traced nor a jitted function has values while it is compiled.
        try:
            factor = float(np.asarray(inputs).max())
        except Exception:
            if not self.built:  # Keras 2 builds models in a graph.
                return inputs
            raise
        return inputs * factor


@pytest.mark.skipif(BACKEND == "torch", reason="nothing is compiled")
def test_what_cant_be_traced_is_called(caplog):
    wrapper = KerasModelWrapper(built(Untraceable))
    for data in (rows(2, 3), rows(3, 3)):
        np.testing.assert_allclose(wrapper.predict(data), data * data.max(), rtol=1e-5)
    assert caplog.text.count("the model isn't compiled, and slower than it could be") == 1


class Compiled(Doubled):
    """Tells whether it is being compiled, and how often that was."""

    def call(self, inputs):
        try:
            np.asarray(inputs)
        except Exception:  # noqa: BLE001 - only while it is compiled
            return inputs * self.factor_when_compiled()
        return 2 * inputs


@pytest.mark.skipif(BACKEND == "torch", reason="nothing is compiled")
def test_what_keeps_values_in_python_is_called(caplog):
    class Counting(Compiled):
        count = 2

        def factor_when_compiled(self):
            Counting.count += 1
            return Counting.count

    wrapper = KerasModelWrapper(built(Counting))
    assert wrapper.predict(NUMBER).tolist() == [[2.0]]
    assert "would predict otherwise" in caplog.text


@pytest.mark.skipif(BACKEND == "torch", reason="nothing is compiled")
def test_what_predict_itself_computes_otherwise_than_a_call_is_compiled(caplog):
    class Other(Compiled):
        def factor_when_compiled(self):
            return 3

    model = built(Other)
    wrapper = KerasModelWrapper(model)
    assert wrapper.predict(NUMBER).tolist() == model.predict(NUMBER, verbose=0).tolist() == [[3.0]]
    assert not caplog.text


@pytest.mark.skipif(BACKEND != "tensorflow", reason="only there a trace computes in another type than a call")
def test_images_of_whole_numbers_are_resized_as_by_predict():
    image = keras.Input((4, 4, 1), dtype="uint8")
    model = keras.Model(image, keras.layers.Rescaling(0.5)(keras.layers.Resizing(2, 3)(image)))
    data = np.arange(48, dtype="uint8").reshape(3, 4, 4, 1)
    np.testing.assert_allclose(KerasModelWrapper(model).predict(data), model.predict(data, verbose=0))


NUMBER = np.ones((1, 1), "float32")


def test_a_predict_step_of_its_own_counts():
    class Stepped(Doubled):
        def predict_step(self, *arguments):
            found = super().predict_step(*arguments)
            return (10 * found[0], found[1]) if isinstance(found, tuple) else 10 * found

    model = built(Stepped)
    data = rows(3, 3)
    np.testing.assert_allclose(KerasModelWrapper(model).predict(data), 10 * np.asarray(call(model, data)), rtol=1e-4)


def test_a_predict_of_its_own_counts():
    class Own(Doubled):
        def predict(self, x, **kwargs):
            return 5 * super().predict(x, **kwargs)

    model = built(Own)
    data = rows(70, 3)
    found = KerasModelWrapper(model).predict(data, params={"batch_size": 64})
    np.testing.assert_allclose(found, 5 * np.asarray(call(model, data)), rtol=1e-4, atol=1e-5)


def call(model, data):
    found = model(data)
    return found.detach() if hasattr(found, "detach") else found


def test_training_is_off():
    dropout = keras.Sequential(
        [keras.layers.InputLayer((3,)), keras.layers.Dropout(0.5), keras.layers.BatchNormalization()]
    )
    data = rows(4, 3)
    np.testing.assert_allclose(KerasModelWrapper(dropout).predict(data), data / np.sqrt(1.001), rtol=1e-5)


def stateful():
    shape = {"batch_shape": (2, 3, 4)} if IS_KERAS_3 else {"batch_input_shape": (2, 3, 4)}
    return keras.Sequential([keras.layers.InputLayer(**shape), keras.layers.LSTM(2, stateful=True)])


def test_states_go_on_as_with_keras_own_predict():
    model, data = stateful(), rows(2, 3, 4)
    weights = model.get_weights()
    expected = [model.predict(data, batch_size=2, verbose=0) for _ in range(3)]
    # On JAX, Keras's own `predict` forgets.
    assert np.allclose(expected[0], expected[1]) == (BACKEND == "jax")
    again = stateful()
    again.set_weights(weights)
    wrapper = KerasModelWrapper(again)
    for value in expected:
        np.testing.assert_allclose(wrapper.predict(data), value, rtol=1e-4, atol=1e-6)


def test_a_model_of_a_fixed_batch_gets_such_batches():
    shape = {"batch_shape": (2, 3)} if IS_KERAS_3 else {"batch_input_shape": (2, 3)}
    model = keras.Sequential([keras.layers.InputLayer(**shape), keras.layers.Dense(2)])
    wrapper = KerasModelWrapper(model)
    assert wrapper.predict(rows(4, 3)).shape == (4, 2)
    assert wrapper.predict(rows(0, 3)).shape == (0, 2)


def test_chance_is_left_to_the_model():
    class Noise(keras.layers.Layer):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.noise = keras.layers.GaussianNoise(1.0)

        def call(self, inputs):
            return self.noise(inputs, training=True)

    model = keras.Sequential([keras.layers.InputLayer((3,)), Noise()])
    wrapper = KerasModelWrapper(model)
    data = rows(3, 3)
    assert not np.allclose(wrapper.predict(data), wrapper.predict(data)), "each call draws again"
    assert wrapper.predict(data).shape == (3, 3)


def test_batches_are_put_together():
    wrapper = KerasModelWrapper(sequential())
    data = rows(23, 3)
    whole = wrapper.predict(data)
    for size in (1, 4, 23, 100):
        np.testing.assert_allclose(wrapper.predict(data, params={"batch_size": size}), whole, rtol=1e-4, atol=1e-6)


def test_the_default_batch_follows_the_widest_layer():
    inputs = keras.Input((1,))
    wide = keras.Model(inputs, keras.layers.Dense(1)(keras.layers.Dense(2**17)(inputs)))
    leaves = [rows(1, 1)]
    assert batches_module.default_rows(wide, leaves) == 64
    assert batches_module.default_rows(sequential(), leaves) == 4096
    assert batches_module.default_rows(built(Doubled), [np.zeros((1, 2**20))]) == batches_module.KERAS_ROWS


def test_lengths_that_differ_between_batches_are_no_rows():
    joined = batches_module.in_batches(
        lambda _, leaves: np.full((1, 2), len(leaves[0])), None, [np.zeros((5, 1))], rows=2
    )
    assert joined.tolist() == [[2, 2], [2, 2], [1, 1]]
    widths = iter([2, 3])
    with pytest.raises(ValueError, match="others"):
        batches_module.in_batches(
            lambda _, leaves: np.zeros((len(leaves[0]), next(widths))), None, [np.zeros((4, 1))], rows=2
        )
