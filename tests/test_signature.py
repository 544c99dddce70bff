"""The compatibility signature: there and back, and what a damaged one says."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from mlflow_kerasguard.engine import check_model
from mlflow_kerasguard.environment.installed import installed
from mlflow_kerasguard.formats import read_model
from mlflow_kerasguard.model import Kind
from mlflow_kerasguard.signature import SCHEMA_VERSION, CompatibilitySignature, PackagedCode
from mlflow_kerasguard.signature_json import SignatureError
from mlflow_kerasguard.source_identity import Fingerprint, Parameter, Provenance
from tests.builders import environment
from tests.files import dense, layer, write_keras

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:mlflow")


@pytest.fixture
def signature(tmp_path):
    """The signature of a small file with a custom layer."""
    custom = layer("Scale", module="scale_layers", registered_name="tests>Scale", factor=float("nan"))
    spec = read_model(write_keras(tmp_path / "model.keras", dense(), custom))
    return CompatibilitySignature(
        model_file="data/model.keras",
        model=spec,
        python="3.11.7",
        platform="linux",
        distributions={"keras": "3.15.1", "h5py": "3.12.0"},
        closure={"keras": "3.15.1", "h5py": "3.12.0", "rich": "14.0.0"},
        roles={"keras": "keras", "h5py": "serialization", "rich": "transitive"},
        inputs=[{"type": "tensor"}],
        code=PackagedCode(
            modules={"scale_layers": "kerasguard/code/scale_layers.py"},
            objects={"tests>Scale": "scale_layers:Scale"},
            imported_objects={"other>Layer": "other.layers:Layer"},
            fingerprints={
                "tests>Scale": Fingerprint(
                    digest="1" * 64,
                    parameters=(Parameter(name="factor", default="2.0"), Parameter(name="**kwargs")),
                    parts={"__init__": "2" * 64},
                    config_keys=("factor", "name"),
                    uses={"helpers:factor": "3" * 64},
                )
            },
            module_digests={"scale_layers": "4" * 64},
            provenance=Provenance(commit="a" * 40, branch="main", modified=("scale_layers.py",)),
            public_names={"keras.ops.mean": "scale_layers.py:7"},
        ),
        files={"data/model.keras": "0" * 64},
    )


def test_there_and_back(signature):
    text = signature.to_json()
    again = CompatibilitySignature.from_json(text.encode())
    assert again.to_json() == text
    assert again.origin == signature.origin
    assert again.files == signature.files
    assert again.code == signature.code
    assert again.to_model_spec("x").weights == signature.model.weights
    assert [ref.path for ref in again.model.objects] == [ref.path for ref in signature.model.objects]


def test_older_signatures_have_no_closure(signature):
    document = json.loads(signature.to_json())
    del document["environment"]["closure"], document["environment"]["roles"]
    origin = CompatibilitySignature.from_json(json.dumps(document).encode()).origin
    assert (origin.closure, origin.roles) == ({}, {})
    assert origin.distributions == signature.distributions


def test_the_inventory_says_what_the_model_is_made_of(signature):
    document = json.loads(signature.to_json())
    (entry,) = [entry for entry in document["objects"] if entry["module"] == "scale_layers"]
    assert entry == {
        "kind": Kind.CLASS.value,
        "module": "scale_layers",
        "class_name": "Scale",
        "registered_name": "tests>Scale",
        "config_keys": ["factor", "name"],
        "role": "layers",
        "section": "model",
        "where": 'layers["scale"]',
    }
    assert document["weights"][0] == {"path": "layers/dense/vars/0", "shape": [3, 2], "dtype": "float32"}


ENVIRONMENTS = {
    "this one": installed,
    "a made-up one": environment,
    "an older Keras": lambda: environment(packages={"keras": "3.0.5", "tensorflow": "2.16.1"}, classes={}),
}


@pytest.mark.parametrize("make", ENVIRONMENTS.values(), ids=ENVIRONMENTS)
@pytest.mark.parametrize("compile", [True, False])
def test_checking_it_is_checking_the_file(make, compile, logged):
    from mlflow_kerasguard.artifact import open_logged_model

    found = open_logged_model(logged)
    from_file = check_model(found.spec, make(), compile=compile)
    from_signature = check_model(found.signature.to_model_spec(str(logged)), make(), compile=compile)
    assert from_signature == from_file


@pytest.mark.filterwarnings("ignore:You are saving your model as an HDF5 file")
def test_checking_it_is_checking_the_file_also_for_hdf5(tmp_path):
    from mlflow_kerasguard import save_model
    from mlflow_kerasguard.artifact import open_logged_model
    from tests.keras_cases import compiled

    save_model(compiled(), tmp_path / "model", save_format="h5", rehearse=False)
    found = open_logged_model(tmp_path / "model")
    assert found.signature.to_model_spec(str(tmp_path / "model")).objects == found.spec.objects
    from_signature = check_model(found.signature.to_model_spec(str(tmp_path / "model")), installed())
    assert from_signature == check_model(found.spec, installed())


def _without(key):
    def change(document):
        *path, last = key.split(".")
        for part in path:
            document = document[part]
        del document[last]

    return change


def _with(key, value):
    def change(document):
        *path, last = key.split(".")
        for part in path:
            document = document[int(part) if part.isdigit() else part]
        document[int(last) if last.isdigit() else last] = value

    return change


DAMAGED = {
    "no version": (_without("schema_version"), "`schema_version` is missing"),
    "another version": (_with("schema_version", SCHEMA_VERSION + 1), "`schema_version` is 2"),
    "version as text": (_with("schema_version", "1"), "`schema_version` .* whole number, not str"),
    "version as truth": (_with("schema_version", True), "`schema_version` .* whole number, not bool"),
    "no format": (_without("model.format"), "`model.format` is missing"),
    "odd backend": (_with("model.backend", 3), "`model.backend` .* a string, not int"),
    "odd version": (_with("environment.distributions.keras", 3), "`environment.distributions.keras`"),
    "odd weights": (_with("weights", {}), "`weights` .* a list, not dict"),
    "odd weight": (_with("weights.0", 3), r"`weights\[0\]` .* an object"),
    "odd shape": (_with("weights.0.shape", ["3"]), r"`weights\[0\].shape` .* whole number"),
    "odd code": (_with("code", []), "`code` .* an object, not list"),
}


@pytest.mark.parametrize("case", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_one_names_the_key(case, signature):
    change, text = case
    document = json.loads(signature.to_json())
    change(document)
    with pytest.raises(SignatureError, match=text):
        CompatibilitySignature.from_json(json.dumps(document).encode())


@pytest.mark.parametrize(
    "text", [b"{", b"\xff", b'{"a": 1, "a": 2}', b"[" * 5000], ids=["cut", "bytes", "twice", "deep"]
)
def test_what_isnt_json_is_refused(text):
    with pytest.raises(SignatureError, match="can't be read"):
        CompatibilitySignature.from_json(text)


def test_what_isnt_an_object_is_refused():
    with pytest.raises(SignatureError, match="the compatibility signature has to be an object, not list"):
        CompatibilitySignature.from_json(b"[]")


def test_of_before_there_were_public_names(signature):
    assert signature.origin.public_names == {"keras.ops.mean": "scale_layers.py:7"}
    document = json.loads(signature.to_json())
    del document["code"]["public_names"]
    read = CompatibilitySignature.from_json(json.dumps(document).encode())
    assert read.code == replace(signature.code, public_names={})
    assert read.origin.public_names == {}


def test_of_before_there_were_fingerprints(signature):
    document = json.loads(signature.to_json())
    del document["code"]["fingerprints"], document["code"]["provenance"]
    code = CompatibilitySignature.from_json(json.dumps(document).encode()).code
    assert code == replace(signature.code, fingerprints={}, provenance=None)


def test_of_before_fingerprints_told_parts_and_uses(signature):
    document = json.loads(signature.to_json())
    entry = document["code"]["fingerprints"]["tests>Scale"]
    del entry["parts"], entry["uses"], entry["config_keys"], document["code"]["module_digests"]
    code = CompatibilitySignature.from_json(json.dumps(document).encode()).code
    before = signature.code.fingerprints["tests>Scale"]
    assert code.fingerprints["tests>Scale"] == Fingerprint(digest=before.digest, parameters=before.parameters)
    assert code.module_digests == {}
