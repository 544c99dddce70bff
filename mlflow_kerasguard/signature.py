"""The compatibility signature: what a logged model asks for, as a small JSON document.

It holds enough to check the model without its weights: :meth:`CompatibilitySignature.to_model_spec`
gives the same :class:`~mlflow_kerasguard.model.ModelSpec` as reading the file.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from mlflow_kerasguard.formats.bounded_json import parse_json
from mlflow_kerasguard.formats.config_tree import collect_objects
from mlflow_kerasguard.model import Json, ModelSpec, ObjectRef, Origin, Section
from mlflow_kerasguard.rehearsal_record import Rehearsal
from mlflow_kerasguard.signature_code import fingerprints_to_dict, read_fingerprints, read_provenance, read_texts
from mlflow_kerasguard.signature_json import Reader, SignatureError, weight_from, weight_to_dict
from mlflow_kerasguard.source_identity import Fingerprint, Provenance
from mlflow_kerasguard.version import __version__

#: Layout of the document. To change it: additions that older readers may ignore need nothing. For
#: anything else raise the number, move today's reading into a module `signature_v<old number>.py` that
#: returns today's dataclass, choose it in `from_json` by the number, and keep a document of the old
#: layout in the tests. A reader never drops support for a number: signatures stay in registries.
SCHEMA_VERSION = 1

#: What the document calls itself, for whoever finds it without MLmodel.
CREATOR = f"mlflow-kerasguard {__version__}"


@dataclass(frozen=True, slots=True, kw_only=True)
class PackagedCode:
    """Code that travels with the model.

    Attributes:
        modules: module name to its file, relative to the model's directory.
        objects: the name under which Keras looks for an object to ``module:qualname``.
        imported_objects: likewise, where the module belongs to an installed distribution.
        fingerprints: those of ``objects``, by the same names.
        module_digests: module name to the digest of its syntax tree.
        provenance: the repository that the code is from; None where it is in none.
        public_names: names of TensorFlow and Keras that the code uses, to where it does so first.
    """

    modules: Mapping[str, str] = field(default_factory=dict)
    objects: Mapping[str, str] = field(default_factory=dict)
    imported_objects: Mapping[str, str] = field(default_factory=dict)
    fingerprints: Mapping[str, Fingerprint] = field(default_factory=dict)
    module_digests: Mapping[str, str] = field(default_factory=dict)
    provenance: Provenance | None = None
    public_names: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class CompatibilitySignature:
    """What a logged model asks for.

    Attributes:
        created_with: name and version of the writer.
        model_file: the Keras file, relative to the model's directory.
        model: what the file says; without ``source`` and ``origin``.
        python: version of the Python that logged it.
        platform: its ``sys.platform``.
        distributions: normalized name to version of the distributions that the model itself needs, at log time.
        closure: the same with all that these require; empty in signatures from before there was one.
        roles: what each of the closure is for, one of ``mlflow_kerasguard.roles``; empty likewise.
        inputs: specification of the inputs, as MLflow's signature or the model itself states them.
        outputs: likewise.
        code: what travels with the model.
        files: SHA-256 of each payload file, by path relative to the model's directory.
        rehearsal: what a fresh process showed when it was logged; None in signatures from before there were any.
        adopted_from: the model version or file that was logged or saved without the guard, and taken as it was.
    """

    created_with: str = CREATOR
    model_file: str
    model: ModelSpec
    python: str
    platform: str
    distributions: Mapping[str, str] = field(default_factory=dict)
    closure: Mapping[str, str] = field(default_factory=dict)
    roles: Mapping[str, str] = field(default_factory=dict)
    inputs: Json = None
    outputs: Json = None
    code: PackagedCode = field(default_factory=PackagedCode)
    files: Mapping[str, str] = field(default_factory=dict)
    rehearsal: Rehearsal | None = None
    adopted_from: str | None = None

    @property
    def origin(self) -> Origin:
        """What the signature adds to the bare file."""
        return Origin(
            python=self.python,
            distributions=dict(self.distributions),
            closure=dict(self.closure),
            roles=dict(self.roles),
            packaged_modules=frozenset(self.code.modules),
            provided_objects=frozenset(self.code.objects),
            imported_objects=dict(self.code.imported_objects),
            packaged_objects=dict(self.code.objects),
            fingerprints=dict(self.code.fingerprints),
            module_digests=dict(self.code.module_digests),
            provenance=self.code.provenance,
            public_names=dict(self.code.public_names),
        )

    def to_model_spec(self, source: str) -> ModelSpec:
        """The model as reading its file would give it.

        Args:
            source: the path or URI to report it under.
        """
        model = self.model
        return ModelSpec(
            source=source,
            format=model.format,
            keras_version=model.keras_version,
            keras_package=model.keras_package,
            backend=model.backend,
            config=model.config,
            compile_config=model.compile_config,
            objects=model.objects,
            weights=model.weights,
            optimizer_weights=model.optimizer_weights,
            origin=self.origin,
            details=model.details,
        )

    def to_json(self) -> str:
        """The document; the same signature always gives the same text."""
        return json.dumps(self._to_dict(), indent=1, ensure_ascii=False) + "\n"

    def _to_dict(self) -> dict[str, Any]:
        model = self.model
        return {
            "schema_version": SCHEMA_VERSION,
            "created_with": self.created_with,
            "model": {
                "file": self.model_file,
                "format": model.format,
                "keras_package": model.keras_package,
                "keras_version": model.keras_version,
                "backend": model.backend,
                "config": model.config,
                "compile_config": model.compile_config,
                "details": dict(model.details),
            },
            "environment": {
                "python": self.python,
                "platform": self.platform,
                "distributions": dict(sorted(self.distributions.items())),
                "closure": dict(sorted(self.closure.items())),
                "roles": dict(sorted(self.roles.items())),
            },
            "objects": [_inventory_entry(ref) for ref in model.objects],
            "weights": [weight_to_dict(weight) for weight in model.weights],
            "optimizer_weights": [weight_to_dict(weight) for weight in model.optimizer_weights],
            "inputs": self.inputs,
            "outputs": self.outputs,
            "code": {
                "modules": dict(sorted(self.code.modules.items())),
                "objects": dict(sorted(self.code.objects.items())),
                "imported_objects": dict(sorted(self.code.imported_objects.items())),
                "fingerprints": fingerprints_to_dict(self.code.fingerprints),
                "module_digests": dict(sorted(self.code.module_digests.items())),
                "provenance": asdict(self.code.provenance) if self.code.provenance else None,
                "public_names": dict(sorted(self.code.public_names.items())),
            },
            "files": dict(sorted(self.files.items())),
            "rehearsal": self.rehearsal.to_dict() if self.rehearsal else None,
            **({"adopted_from": self.adopted_from} if self.adopted_from else {}),
        }

    @classmethod
    def from_json(cls, text: bytes) -> CompatibilitySignature:
        """Read a document.

        Args:
            text: UTF-8.

        Raises:
            SignatureError: it isn't a signature that this version reads; names the key.
        """
        return from_document(read_document(text))


def read_document(text: bytes) -> Reader:
    """The JSON of a signature, before its keys are looked at.

    Raises:
        SignatureError: it isn't JSON, or of a layout that this version doesn't read.
    """
    parsed = parse_json(text, "signature.json")
    # A configuration may hold NaN, which Python's JSON writes and reads.
    wrong = [anomaly.found for anomaly in parsed.anomalies if anomaly.kind != "json-not-a-number"]
    if wrong:
        raise SignatureError(f"the compatibility signature can't be read: {wrong[0]}")
    document = Reader.of(parsed.value)
    version = document.take("schema_version", int)
    if version != SCHEMA_VERSION:
        raise SignatureError(
            f"`schema_version` is {version}, and this mlflow-kerasguard {__version__} reads {SCHEMA_VERSION}; "
            "install the version that wrote it, which `created_with` names"
        )
    return document


#: The keys of a document that the model is made of.
MODEL_KEYS = ("model", "weights", "optimizer_weights")


def from_document(document: Reader, model: ModelSpec | None = None) -> CompatibilitySignature:
    """The signature that a document holds; ``model`` is what the same values of ``MODEL_KEYS`` gave before.

    Raises:
        SignatureError: names the key that is missing or wrong.
    """
    environment, code = document.object("environment"), document.object("code")
    return CompatibilitySignature(
        created_with=document.take("created_with", str),
        model_file=document.object("model").take("file", str),
        model=_model_from(document) if model is None else model,
        python=environment.take("python", str),
        platform=environment.take("platform", str),
        distributions=environment.texts("distributions"),
        closure=read_texts(environment, "closure"),
        roles=read_texts(environment, "roles"),
        inputs=document.value.get("inputs"),
        outputs=document.value.get("outputs"),
        code=PackagedCode(
            modules=code.texts("modules"),
            objects=code.texts("objects"),
            imported_objects=code.texts("imported_objects"),
            fingerprints=read_fingerprints(code),
            module_digests=read_texts(code, "module_digests"),
            provenance=read_provenance(code),
            public_names=read_texts(code, "public_names"),
        ),
        files=document.texts("files"),
        rehearsal=_rehearsal(document),
        adopted_from=document.optional("adopted_from", str),
    )


def _rehearsal(document: Reader) -> Rehearsal | None:
    if document.value.get("rehearsal") is None:
        return None
    return Rehearsal.from_reader(document.object("rehearsal"))


def _model_from(document: Reader) -> ModelSpec:
    model = document.object("model")
    config, compile_config = model.value.get("config"), model.value.get("compile_config")
    form = model.take("format", str)
    return ModelSpec(
        source="",
        format=form,
        keras_package=model.optional("keras_package", str),
        keras_version=model.optional("keras_version", str),
        backend=model.optional("backend", str),
        config=config,
        compile_config=compile_config,
        objects=_objects(form, config, compile_config),
        weights=document.each("weights", weight_from),
        optimizer_weights=document.each("optimizer_weights", weight_from),
        details=model.take("details", dict),
    )


def _objects(form: str, config: Json, compile_config: Json) -> tuple[ObjectRef, ...]:
    """The objects again, from the configurations: the inventory in the document is for readers.

    A `.keras` file keeps the training configuration inside the model's own, an HDF5 file beside it.
    """
    objects = collect_objects(config)
    if form == "h5" and compile_config is not None:
        objects += collect_objects(compile_config, section=Section.COMPILE, first=len(objects))
    return objects


def _inventory_entry(ref: ObjectRef) -> dict[str, Any]:
    return {
        "kind": ref.kind.value,
        "module": ref.module,
        "class_name": ref.class_name,
        "registered_name": ref.registered_name,
        "config_keys": sorted(ref.config),
        "role": ref.role,
        "section": ref.section.value,
        "where": ref.where,
    }
