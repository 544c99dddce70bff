"""Which names an error of Keras holds: one case for each shape that the record has, and some that it hasn't."""

from __future__ import annotations

import pytest

from tests.truth.named import innermost_names, names_one

WRAPPED = (
    "TypeError: <class 'keras.src.models.functional.Functional'> could not be deserialized properly. Please ensure …\n\n"
    "config={'module': 'keras.src.models.functional', 'class_name': 'Functional', 'config': {}}.\n\n"
    "Exception encountered: "
)
DENSE = "Error when deserializing class 'Dense' using config={'name': 'dense', 'units': 3}.\n\nException encountered: "
GLOROT = (
    "<class 'keras.src.initializers.random_initializers.GlorotUniform'> could not be deserialized properly. Please …\n\n"
    "config={'module': 'keras.initializers', 'class_name': 'GlorotUniform'}.\n\nException encountered: "
)
LOCATE = (
    "Make sure custom classes are decorated with `@keras.saving.register_keras_serializable()`. Full object config: "
)

CASES = {
    "Unrecognized keyword arguments passed to Dense: {'quantization_config': None}": "Dense quantization_config",
    "ValueError: Unrecognized keyword arguments passed to LSTM: {'time_major': False, 'x': {'y': 1}}": "LSTM time_major x",
    "Unrecognized keyword arguments: ['batch_shape', 'optional']": "Dense batch_shape optional",
    "Unrecognized keyword argument(s): {'oov_method': 'floormod', 'salt': None}": "Dense oov_method salt",
    "ValueError: ('Unrecognized keyword arguments:', dict_keys(['batch_shape']))": "Dense batch_shape",
    "TypeError: ('Keyword argument not understood:', 'score_mode')": "Dense score_mode",
    "GlorotUniform.__init__() got an unexpected keyword argument 'input_axes'": "GlorotUniform input_axes",
    "__init__() got an unexpected keyword argument 'groups'": "Dense groups",
    "TypeError: MultiHeadAttention.build() missing 1 required positional argument: 'value_shape'": "MultiHeadAttention value_shape",
    "__init__() missing 2 required positional arguments: 'units' and 'axis'": "Dense units axis",
    f"TypeError: Could not locate class 'LSTM'. {LOCATE}{{'class_name': 'LSTM', 'config': {{'name': 'x'}}}}": "LSTM",
    f"Could not locate function 'mse'. {LOCATE}{{'module': 'keras.metrics', 'class_name': 'function'}}": "mse",
    "TypeError: Could not deserialize class 'Functional' because its parent module keras.src.models.functional cannot be imported. Full object config: {}": "Functional",
    "Could not deserialize 'keras.metrics.mse' because it is not a KerasSaveable subclass": "keras.metrics.mse mse",
    "ValueError: Unknown layer: 'GetItem'. Please ensure you are using a `keras.utils.custom_object_scope`": "GetItem",
    "ValueError: Unknown layer: Identity. Please ensure this object is passed": "Identity",
    "ValueError: Unknown optimizer: Custom>Adam. Please ensure this object is passed": "Custom>Adam Adam",
    "ValueError: Unknown activation function: silu. Please ensure": "silu",
    "ValueError: Unknown metric function: 'f1'. Please ensure": "f1",
    "Could not interpret initializer identifier: {'module': 'keras.initializers', 'class_name': 'Orthogonal', 'config': {'gain': 1.0}}": "Orthogonal",
    "ValueError: Could not interpret activation function identifier: hard_shrink": "hard_shrink",
    "ValueError: The `{arg_name}` of this `Lambda` layer is a Python lambda. Deserializing it is unsafe.": "Lambda",
    "ValueError: Requested the deserialization of a Lambda layer with a Python `lambda` inside it.": "Lambda",
    "Invalid value for argument score_mode. Expected one of {'dot'}. Received: score_mode=<function dot>": "Dense score_mode",
    "When `output_mode=\"int\"`, `dtype` should be an integer type, 'int32' or 'in64'.": "Dense output_mode dtype",
    "ValueError: The value of the `dtype` for `StringLookup` may only be one of [tf.string], but received int64.": "StringLookup dtype",
    "ValueError: Exception encountered when calling GetItem.call().\n\nUnsupported key type for array slice.": "GetItem",
    "A total of 1 objects could not be loaded. Example error message for object <LSTMCell name=lstm_cell, built=True>:\n\nLayer 'lstm_cell' expected 3 variables": "LSTMCell lstm_cell",
    "Weight count mismatch for layer #0 (named bidirectional in the current model, x in the save file).": "bidirectional",
    "KeyError: 'query_shape'": "Dense query_shape",
    "'NoneType' object is not subscriptable": "Dense",
}


@pytest.mark.parametrize(("message", "names"), CASES.items(), ids=[*map(str, range(len(CASES)))])
def test_within_a_layer(message, names):
    assert innermost_names(WRAPPED + DENSE + message) == set(names.split())


@pytest.mark.parametrize(("message", "names"), CASES.items(), ids=[*map(str, range(len(CASES)))])
def test_alone(message, names):
    assert innermost_names(message) == set(names.split()) - {"Dense"} | ({"Dense"} if "to Dense" in message else set())


NAMELESS = (
    "OSError: SavedModel file does not exist at: truth/3.0.5/Dense.keras/{saved_model.pbtxt|saved_model.pb}",
    "ValueError: File not found: filepath=truth/k2.12/Dense.keras. Please ensure the file is an accessible `.keras` zip file.",
    "TypeError: functional_from_config.<locals>.get_tensor() takes 3 positional arguments but 11 were given",
    WRAPPED + "functional_from_config.<locals>.get_tensor() takes 3 positional arguments but 11 were given",
    "ValueError: Only input tensors may be passed as positional arguments. The following argument value should be …",
    "ValueError: bad marshal data (unknown type code)",
    "ValueError: `inputs` not connected to `outputs`",
    "AssertionError: ",
    "KeyError: 0",
    "",
)


@pytest.mark.parametrize("message", NAMELESS)
def test_nameless(message):
    assert not innermost_names(message)


CUT = {
    f"{WRAPPED[:80]} […] }}}}. {LOCATE}{{'module': 'keras.layers', 'class_name': 'AugMix', 'config': {{'name': 'mix'": "AugMix",
    f"{WRAPPED[:80]} […] 'float32'}}, 'registered_name': None, 'name': 'aug_mix', 'inbound_nodes': [{{'args': []}}]}}": "aug_mix",
    f"{WRAPPED[:80]} […] 'float32'}}, 'registered_name': None}}": "",
}


@pytest.mark.parametrize(("message", "names"), CUT.items(), ids=["object", "layer", "nothing"])
def test_where_the_record_cut_the_text(message, names):
    assert innermost_names(message) == set(names.split())


def test_the_innermost_wrapper_counts():
    assert innermost_names(f"{WRAPPED}{DENSE}{GLOROT}bad value") == {"GlorotUniform"}


def test_names_are_words():
    names = frozenset({"Dense", "keras.metrics.mse"})
    assert names_one("class `keras.layers.Dense`", names)
    assert names_one("`keras.metrics.mse` is gone", names)
    assert not names_one("`EinsumDense` and `DenseX`, dense", names)
