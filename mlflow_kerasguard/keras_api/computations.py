"""How layers compute, where releases differ: told by the code that came or went with the change.

A computation has a name, ``RandomCrop=resizes``: what follows the ``=`` is compared between the
release that saved a model and the one that loads it.
"""

from __future__ import annotations

import re
from collections.abc import Callable

#: By what is computed: the modules that may hold the class, its name, and the ways with their telltales,
#: of which the first that is found counts. A way without a telltale is what is left.
_WAYS: dict[str, tuple[tuple[str, ...], str, tuple[tuple[str, str], ...]]] = {
    "RandomCrop": (
        (
            "layers.preprocessing.image_preprocessing.random_crop",
            "layers.preprocessing.random_crop",
            "layers.preprocessing.image_preprocessing",
        ),
        "RandomCrop",
        (
            ("passes", r"def transform_images\(self[^)]*\):\s+if training:"),
            ("crops", r"def transform_images\("),
            ("scales", r"def resize_and_center_cropped_inputs\("),
            ("resizes", r"smart_resize\("),
        ),
    ),
}


def read_computations(text: Callable[..., str]) -> frozenset[str]:
    """The ways in which a release computes what releases compute differently.

    Args:
        text: gives the source of the first of some modules that the release has, or nothing.
    """
    found = set()
    for subject, (modules, name, ways) in _WAYS.items():
        source = _class(text(*modules), name)
        way = next((way for way, telltale in ways if source and re.search(telltale, source)), None)
        if way is not None:
            found.add(f"{subject}={way}")
    return frozenset(found)


def _class(text: str, name: str) -> str:
    """The source of one class of a module."""
    found = re.search(rf"^class {name}\b.*?(?=^\S|\Z)", text, re.MULTILINE | re.DOTALL)
    return found[0] if found else ""
