"""Load models on request: ``python -m tests.live.inside.load MODULE``.

Reads requests from standard input and answers on standard output, each a line of JSON; says first
which releases answer. Whoever asks keeps the time and ends a process that doesn't answer.
"""

import json
import os
import platform
import sys

from tests.live.inside import values

#: How much is kept of a long message; the innermost reason comes last.
FIRST, LAST = 600, 700


def main():
    # Keras prints progress and warnings; answers have the real standard output to themselves.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    keras = values.import_keras(sys.argv[1])
    print(json.dumps(_releases(keras)), file=answers, flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        print(json.dumps(answer(keras, **request)), file=answers, flush=True)


def _releases(keras):
    import h5py
    import numpy as np
    import tensorflow as tf

    return {
        "h5py": h5py.__version__,
        "keras": _version(keras),
        "numpy": np.__version__,
        "python": platform.python_version(),
        "tensorflow": tf.__version__,
    }


def _version(keras):
    # `tensorflow.keras` of 2.13 doesn't say.
    version = getattr(keras, "__version__", None)
    if version is None:
        from importlib.metadata import version as installed_version

        version = installed_version("keras")
    return version.replace("-tf", "")


def answer(keras, path, values_path=None, compile=True):
    """What became of loading ``path`` and, where its values were kept, of calling the model."""
    keras.backend.clear_session()
    try:
        model = keras.models.load_model(path) if compile else keras.models.load_model(path, compile=False)
    except Exception as error:  # noqa: BLE001  # whatever it is, it is the answer
        return {"load": "fail", "error": describe(error)}
    if values_path is None:
        return {"load": "ok"}
    return {"load": "ok", "predictions": _predict(model, values_path)}


def _predict(model, values_path):
    inputs, expected = values.read_values(values_path)
    try:
        found = values.to_arrays(model(values.to_tensors(inputs), training=False))
    except Exception as error:  # noqa: BLE001  # whatever it is, it is the answer
        return "fail " + f"{type(error).__name__}: {error}"[:220]
    return values.compare(expected, found)


def describe(error):
    text = f"{type(error).__name__}: {error}"
    return text if len(text) <= FIRST + LAST else text[:FIRST] + " […] " + text[-LAST:]


if __name__ == "__main__":
    main()
