"""Operators and functions of `keras.ops` in functional graphs."""

from tests.live.zoo import IMAGE, SEQUENCE, VECTOR

#: Functions of one tensor; each is an operation of its own in the file.
UNARY = (
    "abs absolute arccos arccosh arcsin arcsinh arctan arctanh ceil conj cos cosh cumsum deg2rad erf exp exp2 expm1 "
    "flip floor imag isfinite isinf isnan log log10 log1p log2 logical_not logsumexp negative ndim nonzero ones_like "
    "real reciprocal relu round rsqrt sigmoid sign sin sinh size softmax softplus sqrt square squeeze swapaxes tan "
    "tanh trunc zeros_like silu gelu selu elu relu6 hard_sigmoid log_softmax leaky_relu celu glu sparsemax "
    "argmax argmin argsort sort amax amin max min mean median prod std sum var all any average count_nonzero "
    "transpose ravel copy corrcoef diagonal diff digitize flatten nan_to_num normalize norm"
)
#: Functions of two tensors.
BINARY = (
    "add subtract multiply divide true_divide floor_divide mod power maximum minimum equal not_equal greater "
    "greater_equal less less_equal logical_and logical_or logical_xor arctan2 hypot inner dot matmul outer cross "
    "divide_no_nan logaddexp bitwise_and gcd kron"
)


def fill(zoo):
    _operators(zoo, zoo.keras.layers)
    for name in UNARY.split():
        _unary(zoo, name)
    for name in BINARY.split():
        _binary(zoo, name)
    _shapes(zoo)
    _choices(zoo)
    _nets(zoo)
    _combinations(zoo, zoo.keras.layers)


def _unary(zoo, name):
    zoo.graphs(SEQUENCE, {"Ops_" + name: lambda tensor: getattr(zoo.keras.ops, name)(tensor)})


def _binary(zoo, name):
    def build():
        first, second = zoo.keras.Input((4, 4)), zoo.keras.Input((4, 4))
        return zoo.keras.Model([first, second], getattr(zoo.keras.ops, name)(first, second))

    zoo.add("Ops_" + name, build)


def _operators(zoo, layers):
    zoo.graphs(
        SEQUENCE,
        {
            "Op_slice": lambda x: layers.Dense(2)(x[:, 0]),
            "Op_slice_range": lambda x: x[:, 1:4, ::2],
            "Op_slice_negative": lambda x: x[:, -1, :],
            "Op_slice_ellipsis": lambda x: x[..., 0],
            "Op_slice_newaxis": lambda x: x[:, None, :, 0],
            "Op_scalar": lambda x: (2.0 * x + 1.0 - x / 4.0) ** 2,
            "Op_tensors": lambda x: layers.Dense(4)(x) * x - x,
            "Op_reversed": lambda x: 1.0 - 3.0 / (2.0 + x * x),
            "Op_negative": lambda x: -x,
            "Op_abs": lambda x: abs(x),
            "Op_compare": lambda x: x > 0.5,
            "Op_matmul": lambda x: x @ layers.Permute((2, 1))(x),
            "Op_floor_divide": lambda x: x // 2.0 + x % 2.0,
        },
    )
    zoo.graphs(VECTOR, {"Op_layers": lambda x: layers.Dense(4)(x) * 2.0 + 1.0})


def _shapes(zoo):
    keras = zoo.keras
    zoo.graphs(
        SEQUENCE,
        {
            "Ops_reshape": lambda x: keras.ops.reshape(x, (-1, 3, 8)),
            "Ops_reshape_shape": lambda x: keras.ops.reshape(x, (keras.ops.shape(x)[0], 24)),
            "Ops_transpose_axes": lambda x: keras.ops.transpose(x, (0, 2, 1)),
            "Ops_expand_dims": lambda x: keras.ops.expand_dims(x, 1),
            "Ops_expand_dims_axes": lambda x: keras.ops.expand_dims(x, (1, -1)),
            "Ops_squeeze_axis": lambda x: keras.ops.squeeze(x[:, :1], axis=1),
            "Ops_concatenate": lambda x: keras.ops.concatenate([x, x * 2.0], axis=1),
            "Ops_stack": lambda x: keras.ops.stack([x, x], axis=1),
            "Ops_unstack": lambda x: keras.ops.unstack(x, axis=1),
            "Ops_split": lambda x: keras.ops.split(x, 2, axis=1),
            "Ops_split_indices": lambda x: keras.ops.split(x, [1, 3], axis=2),
            "Ops_repeat": lambda x: keras.ops.repeat(x, 2, axis=1),
            "Ops_tile": lambda x: keras.ops.tile(x, (1, 2, 1)),
            "Ops_pad": lambda x: keras.ops.pad(x, ((0, 0), (1, 2), (0, 0)), constant_values=3.0),
            "Ops_roll": lambda x: keras.ops.roll(x, 1, axis=1),
            "Ops_moveaxis": lambda x: keras.ops.moveaxis(x, 1, 2),
            "Ops_slice": lambda x: keras.ops.slice(x, (0, 1, 1), (2, 3, 2)),
            "Ops_broadcast_to": lambda x: keras.ops.broadcast_to(x[:1], (2, 6, 4)),
            "Ops_rot90": lambda x: keras.ops.rot90(x, axes=(1, 2)),
            "Ops_cast": lambda x: keras.ops.cast(x, "int32"),
            "Ops_cast_after": lambda x: keras.ops.cast(x > 0.0, "float32"),
        },
    )


def _choices(zoo):
    keras = zoo.keras
    zoo.graphs(
        SEQUENCE,
        {
            "Ops_mean_axes": lambda x: keras.ops.mean(x, axis=(1, 2), keepdims=True),
            "Ops_sum_axis": lambda x: keras.ops.sum(x, axis=-1),
            "Ops_norm_axis": lambda x: keras.ops.norm(x, axis=-1, keepdims=True),
            "Ops_clip": lambda x: keras.ops.clip(x, -0.5, 0.5),
            "Ops_where": lambda x: keras.ops.where(x > 0.0, x, x * 0.1),
            "Ops_where_scalar": lambda x: keras.ops.where(keras.ops.isnan(x), 0.0, x),
            "Ops_take": lambda x: keras.ops.take(x, [0, 2], axis=1),
            "Ops_take_along_axis": lambda x: keras.ops.take_along_axis(x, keras.ops.argsort(x, axis=1), axis=1),
            "Ops_top_k": lambda x: keras.ops.top_k(x, 2),
            "Ops_one_hot": lambda x: keras.ops.one_hot(keras.ops.argmax(x, axis=-1), 4),
            "Ops_quantile": lambda x: keras.ops.quantile(x, 0.5, axis=1),
            "Ops_linspace": lambda x: keras.ops.linspace(x, x + 1.0, 3),
            "Ops_einsum": lambda x: keras.ops.einsum("bij,bkj->bik", x, x),
            "Ops_tensordot": lambda x: keras.ops.tensordot(x, keras.ops.ones((4, 2)), axes=1),
            "Ops_matmul_constant": lambda x: keras.ops.matmul(x, keras.ops.ones((4, 2))),
            "Ops_tril": lambda x: keras.ops.tril(x),
            "Ops_segment_sum": lambda x: keras.ops.segment_sum(x[:, 0, 0], keras.ops.cast([0, 1], "int32"), 2),
            "Ops_stop_gradient": lambda x: keras.ops.stop_gradient(x) + x,
            "Ops_fori_like": lambda x: keras.ops.cumprod(x, axis=1),
            "Ops_normalize_axis": lambda x: keras.ops.normalize(x, axis=-1, order=2),
            "Ops_rms_normalization": lambda x: keras.ops.rms_normalization(x),
            "Ops_layer_normalization": lambda x: keras.ops.layer_normalization(x),
            "Ops_softmax_axis": lambda x: keras.ops.softmax(x, axis=1),
            "Ops_gelu_exact": lambda x: keras.ops.gelu(x, approximate=False),
            "Ops_cholesky": lambda x: keras.ops.cholesky(x[:, :4] * 0.0 + keras.ops.eye(4)),
            "Ops_fft": lambda x: keras.ops.rfft(x, fft_length=4),
        },
    )


def _nets(zoo):
    keras = zoo.keras
    zoo.graphs(
        IMAGE,
        {
            "Ops_max_pool": lambda x: keras.ops.max_pool(x, 2, strides=2),
            "Ops_average_pool": lambda x: keras.ops.average_pool(x, (2, 2), padding="same"),
            "Ops_conv": lambda x: keras.ops.conv(x, keras.ops.ones((3, 3, 3, 2)), strides=2),
            "Ops_image_resize": lambda x: keras.ops.image.resize(x, (4, 4)),
            "Ops_image_pad": lambda x: keras.ops.image.pad_images(x, 1, 1, target_height=12, target_width=12),
            "Ops_image_crop": lambda x: keras.ops.image.crop_images(x, 1, 1, target_height=4, target_width=4),
            "Ops_image_gray": lambda x: keras.ops.image.rgb_to_grayscale(x),
            "Ops_image_patches": lambda x: keras.ops.image.extract_patches(x, 4),
            "Ops_global_average": lambda x: keras.ops.mean(x, axis=[1, 2]),
        },
    )


def _combinations(zoo, layers):
    keras = zoo.keras

    @zoo.model("Ops_attention_by_hand")
    def attention():
        words = keras.Input(SEQUENCE)
        query, key, value = (layers.Dense(4)(words) for _ in range(3))
        scores = keras.ops.matmul(query, keras.ops.transpose(key, (0, 2, 1))) / 2.0
        return keras.Model(words, keras.ops.matmul(keras.ops.softmax(scores, axis=-1), value))

    @zoo.model("Ops_shared_operation")
    def shared():
        operation = keras.layers.Identity()
        tensor = keras.Input(VECTOR)
        return keras.Model(tensor, keras.ops.add(operation(tensor), operation(tensor * 2.0)))

    @zoo.model("Ops_distance")
    def distance():
        first, second = keras.Input(VECTOR), keras.Input(VECTOR)
        gap = keras.ops.sqrt(keras.ops.sum(keras.ops.square(first - second), axis=1, keepdims=True) + 1e-7)
        return keras.Model([first, second], gap)

    @zoo.model("Ops_shape_of_input")
    def shape_of_input():
        tensor = keras.Input((None, 4))
        length = keras.ops.shape(tensor)[1]
        return keras.Model(tensor, tensor * keras.ops.cast(length, "float32"))

    @zoo.model("Ops_class_instance")
    def class_instance():
        from keras.src.ops.numpy import Mean

        tensor = keras.Input(SEQUENCE)
        return keras.Model(tensor, Mean(axis=1, name="my_mean")(tensor))
