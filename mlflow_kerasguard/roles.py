"""What a distribution is needed for where a model is loaded; findings weigh differences by it."""

from __future__ import annotations

KERAS = "keras"
BACKEND = "backend"
#: Reads files and arrays.
SERIALIZATION = "serialization"
#: MLflow and this package.
SERVING = "serving"
#: Imported by the code that travels with the model, or brings objects of it.
CODE = "code"
#: Required by another one, and by nothing of the model itself.
TRANSITIVE = "transitive"

#: Those whose version bears on whether a model loads and what it predicts.
DECISIVE = frozenset({KERAS, BACKEND, SERIALIZATION, CODE})
