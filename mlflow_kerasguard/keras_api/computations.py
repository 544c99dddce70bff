"""How layers compute, where releases differ: told by the code that came or went with the change.

A computation has a name, ``RandomCrop=resizes``: what follows the ``=`` is compared between the
release that saved a model and the one that loads it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

_IMAGES = "layers.preprocessing.image_preprocessing"
_MERGING = ("layers.merging.base_merge", "layers.merge")

#: The helper of preprocessing layers that makes vectors of categories.
_ENCODING = "encode_categorical_inputs"

#: Any source at all.
_ELSE = ""


@dataclass(frozen=True, slots=True)
class _Source:
    """Where a computation stands, and how its ways are told.

    Attributes:
        modules: those that may hold it, of which the first that a release has counts.
        name: the class or function; all of the module where it is empty.
        ways: each with a pattern that tells it, of which the first that is found counts.
        left_to: computations that it leaves the matter to, each with a pattern that tells so.
    """

    modules: tuple[str, ...]
    name: str
    ways: dict[str, str]
    left_to: dict[str, str] = field(default_factory=dict)


def _one_hot(module: str, name: str) -> _Source:
    """What becomes of a last dimension of 1 where a layer tells categories as vectors."""
    return _Source(
        (f"layers.preprocessing.{module}",),
        name,
        {"keeps": r"backend\.nn\.one_hot\(", "squeezes": _ELSE},
        left_to={_ENCODING: r"numerical_utils\.encode_categorical_inputs\("},
    )


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
    _ENCODING: _Source(
        ("utils.numerical_utils",),
        "encode_categorical_inputs",
        {"squeezes": r"input_shape\[-1\] == 1", "keeps": _ELSE},
    ),
    "CategoryEncoding": _one_hot("category_encoding", "CategoryEncoding"),
    "Discretization": _one_hot("discretization", "Discretization"),
    "IndexLookup": _one_hot("index_lookup", "IndexLookup"),
    "Hashing": _one_hot("hashing", "Hashing"),
    "HashedCrossing": _one_hot("hashed_crossing", "HashedCrossing"),
    # How the weights of quantized layers are kept.
    "Dense in int8": _Source(
        ("layers.core.dense",),
        "Dense",
        {
            "kernel first, scales in one dimension": r"def quantized_build\(",
            "scales in two dimensions": r"kernel_scale",
        },
    ),
    "Embedding in int8": _Source(
        ("layers.core.embedding",),
        "Embedding",
        {
            "a scale for each dimension": r"shape=\(self\.output_dim,\)",
            "a scale for each entry": r"embeddings_scale",
        },
    ),
    "Dense in int4": _Source(
        ("layers.core.dense",), "Dense", {"packed by columns": r"packed_cols", "packed by rows": r"packed_rows"}
    ),
    "EinsumDense in int4": _Source(
        ("layers.core.einsum_dense",),
        "EinsumDense",
        {"packed by columns": r"packed_cols", "packed along an axis of the equation": r"packed_len"},
    ),
    "Embedding in int4": _Source(
        ("layers.core.embedding",),
        "Embedding",
        {"scales in groups": r"n_groups", "a scale for each entry": r"packed_rows"},
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
    found: dict[str, str] = {}
    for subject, source in _SOURCES.items():
        part = _part(text(*source.modules), source.name)
        if part:
            other = next((other for other, pattern in source.left_to.items() if re.search(pattern, part)), "")
            way = found.get(other) or next(
                (way for way, pattern in source.ways.items() if re.search(pattern, part)), ""
            )
            found |= {subject: way} if way else {}
    return frozenset(f"{subject}={way}" for subject, way in found.items())


def _part(text: str, name: str) -> str:
    """The source of one class or function of a module."""
    found = re.search(rf"^(?:class|def) {name}\b.*?(?=^[^\s)]|\Z)", text, re.MULTILINE | re.DOTALL)
    return found[0] if found else ""
