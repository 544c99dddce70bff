"""The digest that the version of a wheel carries which travels with a model, as in ``0.1.0+kg1a2b3c4d5e6f``.

Installers prefer a labelled version to the plain one of an index, and a plain pin is met by both.
"""

from __future__ import annotations

import re

#: Unlike the `g…` that tools make of a commit, so that neither is taken for the other.
_PREFIX = "kg"
_LENGTH = 12
_LABEL = re.compile(rf"(?:\+|\.){_PREFIX}[0-9a-f]{{{_LENGTH}}}$")


def labelled(version: str, digest: str) -> str:
    """A version that carries a digest; where it carries one already, the new one stands in its place.

    Args:
        version: a version of PEP 440.
        digest: SHA-256 in hexadecimal.
    """
    plain = unlabelled(version)
    return f"{plain}{'.' if '+' in plain else '+'}{_PREFIX}{digest[:_LENGTH]}"


def unlabelled(version: str) -> str:
    """A version without the digest that :func:`labelled` gave it."""
    return _LABEL.sub("", version)


def is_labelled(version: str) -> bool:
    """Whether only a wheel out of a model has that version."""
    return _LABEL.search(version) is not None
