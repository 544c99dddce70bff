"""How layers compute, where releases differ: told by the code that came or went with the change.

A computation has a name, ``RandomCrop=resizes``: what follows the ``=`` is compared between the
release that saved a model and the one that loads it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

_IMAGES = "layers.preprocessing.image_preprocessing"
_MERGING = ("layers.merging.base_merge", "layers.merge")

#: Any source at all.
_ELSE = ""


@dataclass(frozen=True, slots=True)
class _Source:
    """Where a computation stands, and how its ways are told.

    Attributes:
        modules: those that may hold it, of which the first that a release has counts.
        name: the class or function; all of the module where it is empty.
        ways: each with a pattern that tells it, of which the first that is found counts.
    """

    modules: tuple[str, ...]
    name: str
    ways: dict[str, str]


_SOURCES = {
    "RandomCrop": _Source(
        (f"{_IMAGES}.random_crop", "layers.preprocessing.random_crop", _IMAGES),
        "RandomCrop",
        {
            "passes": r"def transform_images\(self[^)]*\):\s+if training:",
            "crops": r"def transform_images\(",
            "scales": r"def resize_and_center_cropped_inputs\(",
            "resizes": r"smart_resize\(",
        },
    ),
    "Resizing": _Source(
        (f"{_IMAGES}.resizing", "layers.preprocessing.resizing", _IMAGES),
        "Resizing",
        {"rounds": r"numpy\.round\(", "truncates": r"backend\.image\.resize\(", "keeps fractions": _ELSE},
    ),
    # What becomes of a last dimension of 1 where categories are told as vectors.
    "one_hot": _Source(
        ("utils.numerical_utils", "layers.preprocessing.category_encoding"),
        "(?:encode_categorical_inputs|CategoryEncoding)",
        {"keeps": r"rank_of_inputs = len\(original_shape\)", "squeezes": _ELSE},
    ),
    "hard_sigmoid": _Source(
        ("backend.tensorflow.nn", "backend"), "hard_sigmoid", {"x / 6 + 0.5": r"relu6", "0.2 * x + 0.5": r"point_two"}
    ),
    "Identity": _Source(
        ("layers.core.identity",), "Identity", {"passes masks": "supports_masking = True", "drops masks": _ELSE}
    ),
    "MultiHeadAttention": _Source(
        ("layers.attention.multi_head_attention", "layers.multi_head_attention"),
        "MultiHeadAttention",
        {
            "takes masks away": r"set_keras_mask\(query, None\)",
            "uses masks": r"def _compute_attention_mask\(",
            "ignores masks": _ELSE,
        },
    ),
    # Whether a mask of the values gets the shape of the scores.
    "Attention": _Source(
        ("layers.attention.attention",),
        "Attention",
        {"fits": r"len\(padding_mask\.shape\) == 2", "misfits": r"return the value mask as is", "is shaped": _ELSE},
    ),
    # What becomes of the masks of the tensors that are merged.
    "Merge": _Source(
        _MERGING,
        "_?Merge",
        {
            "unites": r"ops\.logical_or\(mask|logical_or\(output_mask, m\)",
            "drops": r"ops\.all\(",
            "intersects": r"\.all\(",
        },
    ),
    # Whether a value that is masked counts.
    "Maximum": _Source(_MERGING, "_?Merge", {"skips": r"def _apply_merge_op_and_or_mask\(", "counts": _ELSE}),
    "Minimum": _Source(_MERGING, "_?Merge", {"skips": r"def _apply_merge_op_and_or_mask\(", "counts": _ELSE}),
    "Multiply": _Source(
        ("layers.merging.multiply", "layers.merge"), "Multiply", {"skips": r"_?keras_mask", "counts": _ELSE}
    ),
}


def read_interpolations(text: Callable[..., str]) -> frozenset[str]:
    """The interpolations that images can be resized by; empty where the source doesn't list them."""
    listed = re.search(r"^RESIZE_INTERPOLATIONS = \(([^)]*)\)", text("backend.tensorflow.image"), re.MULTILINE)
    return frozenset(re.findall(r'"(\w+)"', listed[1])) if listed else frozenset()


def read_computations(text: Callable[..., str]) -> frozenset[str]:
    """The ways in which a release computes what releases compute differently.

    Args:
        text: gives the source of the first of some modules that the release has, or nothing.
    """
    found = set()
    for subject, source in _SOURCES.items():
        part = _part(text(*source.modules), source.name)
        way = next((way for way, pattern in source.ways.items() if part and re.search(pattern, part)), None)
        if way is not None:
            found.add(f"{subject}={way}")
    return frozenset(found)


def _part(text: str, name: str) -> str:
    """The source of one class or function of a module."""
    found = re.search(rf"^(?:class|def) {name}\b.*?(?=^[^\s)]|\Z)", text, re.MULTILINE | re.DOTALL)
    return found[0] if found else ""
