"""Inputs and outputs of a model: drawn, kept in a file, compared."""

import json
import zlib

import numpy as np

RTOL, ATOL = 1e-3, 1e-4

WORDS = ("the cat sat", "on a mat", "a dog", "unseen words here", "cat", "")


def import_keras(module):
    """The Keras that is called ``keras``, ``tf_keras`` or ``tensorflow.keras``."""
    package, _, attribute = module.partition(".")
    found = __import__(package)
    return getattr(found, attribute) if attribute else found


def seed_everything(keras, name):
    import random

    import tensorflow as tf

    seed = zlib.crc32(name.encode()) % 10_000
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002  # Keras 2 draws from it
    tf.random.set_seed(seed)
    if hasattr(keras.utils, "set_random_seed"):
        keras.utils.set_random_seed(seed)
    return np.random.RandomState(seed)


def draw_inputs(model, random):
    """Random inputs for a model with known inputs: one array, or a list of them."""
    drawn = [draw(random, tensor.shape, tensor.dtype) for tensor in model.inputs]
    return drawn[0] if len(drawn) == 1 else drawn


def draw(random, shape, dtype, rows=2):
    dtype = getattr(dtype, "name", dtype)
    dimensions = shape.as_list() if hasattr(shape, "as_list") else list(shape)
    # The first unknown dimension is the batch; another one may be anything.
    sizes = [rows if position == 0 else 5 for position in range(len(dimensions))]
    sizes = [size if size is not None else guess for size, guess in zip(dimensions, sizes)]
    if dtype == "string":
        return random.choice(WORDS, sizes)
    if dtype == "bool":
        return random.rand(*sizes) > 0.5
    if "int" in dtype:
        return random.randint(0, 4, sizes).astype(dtype)
    return random.normal(size=sizes).astype(dtype if dtype in ("float16", "float64") else "float32")


def to_tensors(inputs):
    """The same structure with TensorFlow's tensors: only those may hold strings everywhere."""
    import tensorflow as tf

    if isinstance(inputs, dict):
        return {key: to_tensors(value) for key, value in inputs.items()}
    if isinstance(inputs, (list, tuple)):
        return [to_tensors(value) for value in inputs]
    return tf.convert_to_tensor(inputs)


def to_arrays(outputs):
    """Outputs as a flat list of arrays, in the order of keys and positions."""
    if isinstance(outputs, dict):
        return [array for key in sorted(outputs) for array in to_arrays(outputs[key])]
    if isinstance(outputs, (list, tuple)):
        return [array for value in outputs for array in to_arrays(value)]
    return [_to_array(outputs)]


def _to_array(value):
    import tensorflow as tf

    if isinstance(value, tf.RaggedTensor):
        value = value.to_tensor()
    if isinstance(value, tf.SparseTensor):
        value = tf.sparse.to_dense(value)
    if value.dtype == tf.string:
        return np.vectorize(bytes.decode, otypes=[str])(np.asarray(value))
    if value.dtype in (tf.bfloat16, tf.float16):
        value = tf.cast(value, "float32")
    return np.asarray(value)


def write_values(path, inputs, outputs):
    """Keep what went in and what came out, without pickles."""
    arrays = []
    structure = _take_apart(inputs, arrays)
    named = {f"out{number}": value for number, value in enumerate(outputs)}
    named.update({f"in{number}": value for number, value in enumerate(arrays)})
    np.savez_compressed(path, structure=np.array(json.dumps(structure)), outputs=len(outputs), **named)


def _take_apart(inputs, arrays):
    """The structure of ``inputs`` with the place in ``arrays`` for each array."""
    if isinstance(inputs, dict):
        return {key: _take_apart(value, arrays) for key, value in inputs.items()}
    if isinstance(inputs, (list, tuple)):
        return [_take_apart(value, arrays) for value in inputs]
    arrays.append(np.asarray(inputs))
    return len(arrays) - 1


def read_values(path):
    """What :func:`write_values` kept: the inputs in their structure, and the list of outputs."""
    with np.load(path) as file:
        outputs = [file[f"out{number}"] for number in range(int(file["outputs"]))]
        return _put_together(json.loads(str(file["structure"])), file), outputs


def _put_together(structure, file):
    if isinstance(structure, dict):
        return {key: _put_together(value, file) for key, value in structure.items()}
    if isinstance(structure, list):
        return [_put_together(value, file) for value in structure]
    return file[f"in{structure}"]


def compare(expected, found):
    """``same``, or how the outputs differ."""
    if len(expected) != len(found):
        return f"{len(expected)} outputs vs {len(found)}"
    answers = [_compare(*pair) for pair in zip(expected, found)]
    return next((answer for answer in answers if answer != "same"), "same")


def _compare(expected, found):
    if expected.shape != found.shape:
        return f"shape {found.shape} vs {expected.shape}"
    if expected.dtype.kind not in "fiub" or found.dtype.kind not in "fiub":
        return "same" if np.array_equal(expected, found) else "differs"
    if np.allclose(found, expected, rtol=RTOL, atol=ATOL, equal_nan=True):
        return "same"
    return "diff {:.6g}".format(np.nanmax(np.abs(found.astype("float64") - expected.astype("float64"))))
