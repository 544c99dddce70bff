"""How releases compute, told from the pieces of source that came or went."""

from __future__ import annotations

import pytest

from mlflow_kerasguard.keras_api.computations import read_computations, read_interpolations

IMAGES = "layers.preprocessing.image_preprocessing"


def reader(files):
    return lambda *names: next((files[name] for name in names if name in files), "")


@pytest.mark.parametrize(
    ("module", "source", "expected"),
    [
        (
            IMAGES,
            "class RandomCrop(Layer):\n  def resize_and_center_cropped_inputs():\n    pass\n",
            "RandomCrop=scales",
        ),
        (IMAGES, "class RandomCrop(Layer):\n  x = smart_resize(y)\nclass Other:\n  pass\n", "RandomCrop=resizes"),
        ("layers.preprocessing.random_crop", "class RandomCrop:\n    smart_resize(x)\n", "RandomCrop=resizes"),
        (
            f"{IMAGES}.random_crop",
            "class RandomCrop:\n    def transform_images(self, i):\n        i\n",
            "RandomCrop=crops",
        ),
        (
            f"{IMAGES}.random_crop",
            "class RandomCrop:\n    def transform_images(self, i, training=True):\n        if training:\n",
            "RandomCrop=passes",
        ),
        (IMAGES, "class Resizing:\n    tf.image.resize(x)\n", "Resizing=keeps fractions"),
        (f"{IMAGES}.resizing", "class Resizing:\n    self.backend.image.resize(x)\n", "Resizing=truncates"),
        (
            f"{IMAGES}.resizing",
            "class Resizing:\n    self.backend.image.resize(x)\n    numpy.round(x)\n",
            "Resizing=rounds",
        ),
        (
            "layers.preprocessing.category_encoding",
            "class CategoryEncoding:\n    self.backend.nn.one_hot(x)\n",
            "CategoryEncoding=keeps",
        ),
        ("layers.preprocessing.category_encoding", "class CategoryEncoding:\n    pass\n", "CategoryEncoding=squeezes"),
        ("layers.core.identity", "class Identity:\n    supports_masking = True\n", "Identity=passes masks"),
        ("layers.core.identity", "class Identity:\n    pass\n", "Identity=drops masks"),
        ("layers.multi_head_attention", "class MultiHeadAttention:\n    pass\n", "MultiHeadAttention=ignores masks"),
        (
            "layers.attention.multi_head_attention",
            "class MultiHeadAttention:\n    def _compute_attention_mask(self):\n        pass\n",
            "MultiHeadAttention=uses masks",
        ),
        (
            "layers.attention.multi_head_attention",
            "class MultiHeadAttention:\n    def _compute_attention_mask(self):\n        set_keras_mask(query, None)\n",
            "MultiHeadAttention=takes masks away",
        ),
        ("layers.attention.attention", "class Attention:\n    len(padding_mask.shape) == 2\n", "Attention=fits"),
        ("layers.attention.attention", "class Attention:\n    # return the value mask as is\n", "Attention=misfits"),
        ("layers.merge", "class _Merge(Layer):\n    return backend.all(masks)\n", "Merge=intersects"),
        ("layers.merging.base_merge", "class Merge(Layer):\n    return ops.all(masks)\n", "Merge=drops"),
        ("layers.merging.base_merge", "class Merge:\n    ops.logical_or(output_mask, m)\n", "Merge=unites"),
        ("layers.merging.base_merge", "class Merge:\n    pass\n", "Maximum=counts"),
        ("layers.merging.base_merge", "class Merge:\n    def _apply_merge_op_and_or_mask(self):\n", "Minimum=skips"),
        ("layers.merging.multiply", "class Multiply:\n    getattr(x, '_keras_mask')\n", "Multiply=skips"),
    ],
)
def test_a_way_to_compute(module, source, expected):
    assert expected in read_computations(reader({module: source}))


@pytest.mark.parametrize(
    ("helper", "expected"),
    [("input_shape[-1] == 1", "squeezes"), ("rank_of_inputs = len(original_shape)", "keeps")],
)
def test_what_is_left_to_a_helper(helper, expected):
    files = {
        "utils.numerical_utils": f"def encode_categorical_inputs(\n    inputs,\n):\n    {helper}\n",
        "layers.preprocessing.discretization": "class Discretization:\n"
        "    numerical_utils.encode_categorical_inputs(x)\n",
        "layers.preprocessing.index_lookup": "class IndexLookup:\n    tf_utils.encode_categorical_inputs(x)\n",
    }
    assert {f"Discretization={expected}", "IndexLookup=squeezes"} <= read_computations(reader(files))


def test_of_what_isnt_there_nothing_is_said():
    assert read_computations(reader({})) == frozenset()
    assert read_computations(reader({"layers.merging.base_merge": "x = 1\n"})) == frozenset()
    assert read_interpolations(reader({})) == frozenset()


def test_interpolations():
    source = 'RESIZE_INTERPOLATIONS = (\n    "bilinear",\n    "area",\n)\n'
    assert read_interpolations(reader({"backend.tensorflow.image": source})) == {"bilinear", "area"}
