"""What a signature says of packaged code's identity, as JSON values and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from mlflow_kerasguard.signature_json import Reader, expect
from mlflow_kerasguard.source_identity import Fingerprint, Parameter, Provenance


def fingerprints_to_dict(fingerprints: Mapping[str, Fingerprint]) -> dict[str, Any]:
    return {name: asdict(item) for name, item in sorted(fingerprints.items())}


def read_fingerprints(code: Reader) -> dict[str, Fingerprint]:
    """Signatures from before there were fingerprints have none."""
    if "fingerprints" not in code.value:
        return {}
    entries = code.object("fingerprints")
    return {name: _fingerprint(entries.object(name)) for name in entries.value}


def _fingerprint(entry: Reader) -> Fingerprint:
    keys = entry.take("config_keys", list) if "config_keys" in entry.value else []
    return Fingerprint(
        digest=entry.take("digest", str),
        parameters=entry.each("parameters", _parameter),
        parts=entry.texts("parts") if entry.value.get("parts") is not None else None,
        config_keys=tuple(expect(key, str, f"{entry.name}.config_keys") for key in keys),
        uses=read_texts(entry, "uses"),
    )


def read_texts(entry: Reader, key: str) -> dict[str, str]:
    """A mapping of texts that older signatures lack."""
    return dict(entry.texts(key)) if key in entry.value else {}


def _parameter(entry: Reader) -> Parameter:
    return Parameter(name=entry.take("name", str), default=entry.optional("default", str))


def read_provenance(code: Reader) -> Provenance | None:
    """None where the code was in no repository, or the signature is older."""
    if code.value.get("provenance") is None:
        return None
    entry = code.object("provenance")
    return Provenance(
        commit=entry.take("commit", str),
        branch=entry.optional("branch", str),
        remote=entry.optional("remote", str),
        modified=tuple(expect(name, str, f"{entry.name}.modified") for name in entry.take("modified", list)),
    )
