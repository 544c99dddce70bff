"""Bytecode of several Pythons, recorded: see ``how`` and ``sources`` in the file."""

from __future__ import annotations

import json
from pathlib import Path

_RECORDED = json.loads((Path(__file__).parent / "data" / "bytecode.json").read_text(encoding="utf-8"))

#: What each lambda was compiled from.
SOURCES: dict[str, str] = _RECORDED["sources"]

#: By Python and by the name in ``SOURCES``: marshalled and in base 64, as Keras stores it.
BYTECODE: dict[str, dict[str, str]] = _RECORDED["bytecode"]

#: Of 3.12, and it could be 3.11's as well: a number means one thing in a loop there, and another here.
AMBIGUOUS: str = _RECORDED["ambiguous"]["bytecode"]
