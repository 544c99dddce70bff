"""TensorFlow's operations with their attributes, from the Python functions that it generates for them."""

from __future__ import annotations

import re

from mlflow_kerasguard.tensorflow_api import ANY_ATTRIBUTE
from tools.history.package_files import Files

#: What is below `core` belongs to libraries that TensorFlow loads on demand only.
_GENERATED = re.compile(r"tensorflow/(?!core/).*/gen_\w+\.py")

#: In each function: the operation is named, its attributes are listed, and it is run by name again.
_EVENT = re.compile(
    r"""(?:_apply_op_helper\(\s*"|TFE_Py_FastPathExecute\(\s*_ctx,\s*")(?P<named>\w+)"
      | _execute\.execute\(b"(?P<run>\w+)"
      | ^[ ]+_attrs[ ]=[ ](?P<attributes>\(.*?\)|None)\n[ ]+(?:_inputs_flat|_result)[ ]=""",
    re.VERBOSE | re.MULTILINE | re.DOTALL,
)


def read_operations(files: Files) -> dict[str, frozenset[str]]:
    """Operation to the names of its attributes.

    The functions of a few old operations don't list them; these get ``ANY_ATTRIBUTE``.
    """
    found: dict[str, set[str]] = {}
    listing: set[str] = set()
    for path in files.names:
        if _GENERATED.fullmatch(path):
            _read(files.read(path) or "", found, listing)
    return {name: frozenset(names) if name in listing else frozenset({ANY_ATTRIBUTE}) for name, names in found.items()}


def _read(text: str, found: dict[str, set[str]], listing: set[str]) -> None:
    current = ""
    for event in _EVENT.finditer(text):
        if event["attributes"] is None:
            current = event["named"] or event["run"]
            found.setdefault(current, set())
        else:
            # Values are variables; every text in the list is a name, or repeats one.
            found[current].update(re.findall(r'"(\w+)"', event["attributes"]))
            listing.add(current)
