"""What was found about a version in an environment, kept as a tag of the version.

MLflow copies a version's tags along with it, and whoever may write to the registry may edit them. So a record
names what it is about, and carries a seal; with a key that only those have who may promote, nobody else can
make one.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any

from mlflow_kerasguard.findings import Verdict

#: The environment variable with the key of the seals.
RECORD_KEY = "MLFLOW_KERASGUARD_RECORD_KEY"

#: All tags of this package begin like that.
TAG_PREFIX = "kerasguard."
#: For people, and for MLflow's searches. They prove nothing.
VERDICT_TAG, AGAINST_TAG, DIGEST_TAG = "kerasguard.verdict", "kerasguard.against", "kerasguard.digest"
TIME_TAG, BY_TAG = "kerasguard.time", "kerasguard.by"
#: What counts, one for each environment.
RECORD_TAG = "kerasguard.record."
_TAG_DIGITS = 16

_PLAIN, _KEYED = "sha256", "hmac-sha256"


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a record is about.

    Attributes:
        model: name of the registered model.
        version: of it, such as ``7``.
        signature: SHA-256 of the compatibility signature, which holds that of every other file.
        created: when the version was made.
    """

    model: str
    version: str
    signature: str
    created: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What was found about a version in one environment.

    Attributes:
        model: name of the registered model.
        version: of it.
        signature: as in :class:`Subject`.
        created: when the version was made, in ISO 8601: after a model was deleted, another may have its name.
        environment: one line on the environment.
        environment_digest: its identity, as :func:`mlflow_kerasguard.environment.identity.facts_digest` gives it.
        verdict: the check's.
        rehearsed: whether it was really loaded there.
        golden: whether it gave the predictions that were kept when it was logged.
        allowed: codes of the findings that didn't count.
        time: when, in ISO 8601 with a time zone.
        by: who asked.
        guard: version of this package.
    """

    model: str
    version: str
    signature: str
    created: str
    environment: str
    environment_digest: str
    verdict: str
    rehearsed: bool = False
    golden: bool = False
    allowed: tuple[str, ...] = ()
    time: str
    by: str
    guard: str

    @property
    def tag(self) -> str:
        """The key of the tag that holds it."""
        return tag_of(self.environment_digest)

    def sealed(self, key: bytes | None) -> str:
        """The value of that tag.

        Args:
            key: of the seal; None for one that shows no more than that nothing was changed by mistake.
        """
        content = asdict(self)
        return _canonical({**content, "seal": _seal(content, key)})


class InvalidRecord(Exception):
    """A tag isn't a record that counts; the text says why."""


def tag_of(environment_digest: str) -> str:
    """The key of the tag with the record about an environment."""
    return RECORD_TAG + environment_digest[:_TAG_DIGITS]


def find_record(tags: Mapping[str, str], subject: Subject, environment_digest: str, key: bytes | None) -> Record | None:
    """The record of a version in an environment; None where nothing was ever recorded.

    Args:
        tags: the version's.
        subject: the version as it is now.
        environment_digest: of the environment as it is now.
        key: with which the record has to be sealed; None to take any whose seal needs no key.

    Raises:
        InvalidRecord: there is one, and it doesn't count.
    """
    text = tags.get(tag_of(environment_digest))
    if text is None:
        return None
    record = _read(text, key)
    about = {"model": subject.model, "version": subject.version, "signature": subject.signature}
    for name, value in about.items():
        if getattr(record, name) != value:
            raise InvalidRecord(f"it is about the {name} {getattr(record, name)!r}, and this is {value!r}")
    if record.environment_digest != environment_digest:
        raise InvalidRecord("it is about another environment")
    # Not by the record's own time: clocks of two machines differ.
    if record.created != subject.created.isoformat():
        raise InvalidRecord(f"it is about a version that was made {record.created}, and this one is another")
    return record


def _read(text: str, key: bytes | None) -> Record:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidRecord("it isn't JSON") from None
    if not isinstance(content, dict) or set(content) != {*(field.name for field in fields(Record)), "seal"}:
        raise InvalidRecord("it isn't a record as this version writes it")
    seal = content.pop("seal")
    if not isinstance(seal, str) or not hmac.compare_digest(seal.encode(), _seal(content, key).encode()):
        keyed = isinstance(seal, str) and seal.startswith(_KEYED)
        if keyed and key is None:
            raise InvalidRecord(f"it is sealed with a key; set `{RECORD_KEY}`")
        raise InvalidRecord("it was changed, or is sealed with another key" if keyed or key else "it was changed")
    flags = content["rehearsed"], content["golden"]
    allowed = content.pop("allowed")
    texts = [value for name, value in content.items() if name not in {"rehearsed", "golden"}]
    if not (all(isinstance(flag, bool) for flag in flags) and all(isinstance(item, str) for item in texts)):
        raise InvalidRecord("it isn't a record as this version writes it")
    if content["verdict"] not in {verdict.value for verdict in Verdict} or not isinstance(allowed, list):
        raise InvalidRecord("it isn't a record as this version writes it")
    return Record(**content, allowed=tuple(map(str, allowed)))


def _canonical(value: Mapping[str, Any]) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def _seal(content: Mapping[str, Any], key: bytes | None) -> str:
    text = _canonical(content).encode()
    if key is None:
        return f"{_PLAIN}:{hashlib.sha256(text).hexdigest()}"
    return f"{_KEYED}:{hmac.new(key, text, 'sha256').hexdigest()}"
