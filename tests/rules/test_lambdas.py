"""KG406, KG712 and KG713: a lambda's bytecode on the Python and in the Keras that are to run it."""

from __future__ import annotations

import base64

from mlflow_kerasguard.keras_api import LoaderFacts
from mlflow_kerasguard.model import Kind, ObjectRef, Origin
from tests.builders import Case, environment, model, ref
from tests.recorded_bytecode import AMBIGUOUS, BYTECODE

TRUSTED = frozenset({"keras.layers.Lambda"})


def of(python, source="arithmetic", *, trusted=TRUSTED, **fields):
    """A model with a lambda that a Python compiled."""
    return with_code(BYTECODE[python][source], trusted=trusted, **fields)


def with_code(code, *, trusted=TRUSTED, defaults=None, closure=None, **fields):
    config = {} if code is None else {"code": code, "defaults": defaults, "closure": closure}
    function = ObjectRef(
        kind=Kind.LAMBDA, class_name="__lambda__", where='layers["lambda"].function', parent=1, config=config
    )
    return model(ref("keras.layers.Lambda"), function, trusted=trusted, **fields)


def in_keras(**facts):
    return environment(keras={"loader": LoaderFacts(**facts)})


KERAS_2 = in_keras(lambda_globals=frozenset({"tf", "np"}), lambda_sees_module=True)
KERAS_3 = in_keras(lambda_globals=frozenset({"os"}), lambda_defaults_refused=True)

#: `abs` is Python's own; the code is the same but for the name.
FOREIGN = base64.b64encode(base64.b64decode(BYTECODE["3.11"]["global"]).replace(b"abs", b"sba")).decode()
OS = base64.b64encode(base64.b64decode(BYTECODE["3.11"]["global"]).replace(b"\x03abs", b"\x02os")).decode()


def on(python):
    return environment(python=python)


#: A code object with an instruction number that no known Python has.
LATER = base64.b64encode(base64.b64decode(BYTECODE["3.13"]["arithmetic"]).replace(b"\x95\0U\0", b"\xc8\0U\0")).decode()

CASES = [
    Case(code="KG406", name="same", model=of("3.11"), fires=False),
    Case(code="KG406", name="another-layout", model=of("3.8"), fires=True, found="Python 3.11"),
    Case(code="KG406", name="older-layout", model=of("3.11"), environment=on("3.8.18"), fires=True, found="Python 3.8"),
    Case(code="KG406", name="same-instructions-in-two", model=of("3.12"), fires=False),
    Case(code="KG406", name="other-caches", model=of("3.12", "method"), fires=True, where='layers["lambda"].function'),
    Case(code="KG406", name="other-numbers", model=of("3.13"), fires=True),
    Case(code="KG406", name="before-jumps-changed", model=of("3.8"), environment=on("3.10.13"), fires=False),
    Case(code="KG406", name="jumps-changed", model=of("3.8", "condition"), environment=on("3.10.13"), fires=True),
    Case(code="KG406", name="refused-before-it-matters", model=of("3.8", trusted=frozenset()), fires=False),
    Case(
        code="KG406",
        name="refused-but-logged-with-its-python",
        model=of("3.8", trusted=frozenset(), origin=Origin(python="3.8.18")),
        fires=True,
        found="Python 3.11",
    ),
    Case(code="KG406", name="no-keras", model=of("3.8"), environment=environment(packages={}), fires=False),
    Case(
        code="KG406", name="python-unknown", model=of("3.8"), environment=on(None), fires=False, unknown="which Python"
    ),
    Case(code="KG406", name="no-lambda-no-python", environment=on(None), fires=False),
    Case(code="KG406", name="python-too-new", model=of("3.13"), environment=on("3.99.1"), fires=False, unknown="3.99"),
    Case(code="KG406", name="not-there", model=with_code(None), fires=False, unknown="can't be told"),
    Case(code="KG406", name="not-bytecode", model=with_code("AAAA"), fires=False, unknown="can't be told"),
    Case(code="KG406", name="of-several", model=with_code(AMBIGUOUS), fires=False, unknown="read as several"),
    Case(code="KG406", name="of-none-that-is-known", model=with_code(LATER), fires=True, found="Python 3.11"),
    Case(
        code="KG406",
        name="of-none-that-is-known-and-recorded",
        model=with_code(LATER, origin=Origin(python="3.99.0")),
        fires=True,
        found="Python 3.11",
    ),
    Case(
        code="KG406",
        name="recorded-one-is-here",
        model=with_code(LATER, origin=Origin(python="3.99.0")),
        environment=on("3.99.1"),
        fires=False,
    ),
    Case(code="KG712", name="not-there", model=with_code(FOREIGN), environment=KERAS_3, fires=True, found="that runs"),
    Case(code="KG712", name="there", model=with_code(OS), environment=KERAS_3, fires=False),
    Case(code="KG712", name="builtin", model=of("3.11", "global"), environment=KERAS_3, fires=False),
    Case(
        code="KG712",
        name="in-the-module-perhaps",
        model=with_code(FOREIGN),
        environment=KERAS_2,
        fires=False,
        unknown="uses `sba`",
    ),
    Case(code="KG712", name="not-known", model=with_code(FOREIGN), environment=in_keras(), fires=False),
    Case(code="KG712", name="unreadable", model=with_code("AAAA"), environment=KERAS_3, fires=False),
    Case(code="KG712", name="no-lambda", environment=KERAS_3, fires=False),
    Case(code="KG713", name="refused", model=of("3.11", defaults=[2]), environment=KERAS_3, fires=True, found="a list"),
    Case(code="KG713", name="taken", model=of("3.11", defaults=[2]), environment=KERAS_2, fires=False),
    Case(
        code="KG713",
        name="text-in-the-closure",
        model=of("3.11", closure=["double"]),
        environment=KERAS_2,
        fires=False,
        unknown="a function is written so too",
    ),
    Case(code="KG713", name="number-in-the-closure", model=of("3.11", closure=[2]), environment=KERAS_2, fires=False),
    Case(code="KG713", name="none", model=of("3.11"), environment=KERAS_3, fires=False),
]
