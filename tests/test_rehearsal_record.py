"""The section of the signature that says whether the model was seen to load."""

from __future__ import annotations

import pytest

from mlflow_kerasguard.output_differences import Comparison
from mlflow_kerasguard.rehearsal_record import Rehearsal
from mlflow_kerasguard.signature_json import Reader, SignatureError

OUTPUTS = (
    Comparison(name="output", dtype="float32", size=4, absolute=0.5, relative=0.25, tolerance=(0.1, 0.2)),
    Comparison(name="drawn", dtype="float32", size=4),
)
FULL = Rehearsal(
    result="passed",
    seconds=3,
    versions={"python": "3.11.7"},
    compile=True,
    inputs="example",
    outputs=OUTPUTS,
    imports=("scipy",),
    modules={"scipy": "", "helper": "tools"},
)


@pytest.mark.parametrize("kept", [FULL, Rehearsal(result="skipped")], ids=["passed", "skipped"])
def test_there_and_back(kept):
    assert Rehearsal.from_reader(Reader.of(kept.to_dict(), "rehearsal")) == kept


def test_older_records_have_no_modules():
    document = {key: value for key, value in FULL.to_dict().items() if key != "modules"}
    assert Rehearsal.from_reader(Reader.of(document, "rehearsal")).modules == {}


WRONG = {
    "result": ({"result": "failed"}, r"`rehearsal\.result` has to be `passed` or `skipped`, not 'failed'"),
    "seconds": ({"seconds": "3"}, r"`rehearsal\.seconds`.* has to be"),
    "imports": ({"imports": [3]}, r"`rehearsal\.imports`"),
    "outputs": ({"outputs": {}}, r"`rehearsal\.outputs`"),
    "tolerance": ({"outputs": [{"name": "o", "dtype": "f", "size": 1, "tolerance": [1]}]}, "tolerance"),
}


@pytest.mark.parametrize("case", WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_named(case):
    change, words = case
    with pytest.raises(SignatureError, match=words):
        Rehearsal.from_reader(Reader.of({**FULL.to_dict(), **change}, "rehearsal"))
