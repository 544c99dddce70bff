"""The catalogue of anomalies, and how messages quote a file."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import mlflow_kerasguard.formats
from mlflow_kerasguard.formats.anomalies import KINDS, Topic, anomaly, reason, shown, size_text


def test_every_kind_is_used_and_no_other():
    sources = Path(mlflow_kerasguard.formats.__file__).parent.glob("*.py")
    text = "".join(path.read_text("utf-8") for path in sources if path.stem != "anomalies")
    used = {name for name in re.findall(r'"([a-z0-9]+(?:-[a-z0-9]+)+)"', text) if name in KINDS}
    assert used == set(KINDS)


def test_every_topic_has_kinds():
    assert {kind.topic for kind in KINDS.values()} == set(Topic)


def test_an_unknown_kind_is_refused():
    with pytest.raises(KeyError, match="no-such-kind"):
        anomaly("no-such-kind", "file", "nothing")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("dense", "`dense`"),
        ("a`b\n\x1b[31m", r"`a'b\n\x1b[31m`"),
        (b"\x80\xffa", r"`\x80\xffa`"),
        ("\u202egnp", r"`\u202egnp`"),
        ("x" * 200, "`" + "x" * 120 + "…`"),
    ],
)
def test_quotes_are_escaped_and_short(text, expected):
    assert shown(text) == expected


def test_an_error_without_a_text_gives_its_name():
    assert reason(MemoryError()) == "`MemoryError`"
    assert reason(OSError("gone")) == "`gone`"


@pytest.mark.parametrize(
    ("count", "expected"),
    [(0, "0 bytes"), (1023, "1023 bytes"), (1536, "1.5 KiB"), (5 << 20, "5.0 MiB"), (3 << 30, "3.0 GiB")],
)
def test_sizes(count, expected):
    assert size_text(count) == expected
