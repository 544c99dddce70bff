"""TensorFlow's own functions in functional graphs, which Keras 2 wraps in layers."""

from tests.live.zoo import IMAGE, SEQUENCE, VECTOR


def fill(zoo):
    import tensorflow as tf

    layers = zoo.keras.layers
    zoo.graphs(
        SEQUENCE,
        {
            "TF_abs": tf.abs,
            "TF_exp": tf.exp,
            "TF_relu": tf.nn.relu,
            "TF_gelu": lambda x: tf.nn.gelu(x, approximate=True),
            "TF_softmax": lambda x: tf.nn.softmax(x, axis=1),
            "TF_reduce_mean": lambda x: tf.reduce_mean(x, axis=1),
            "TF_reduce_sum_keepdims": lambda x: tf.reduce_sum(x, axis=[1, 2], keepdims=True),
            "TF_reshape": lambda x: tf.reshape(x, (-1, 24)),
            "TF_transpose": lambda x: tf.transpose(x, (0, 2, 1)),
            "TF_concat": lambda x: tf.concat([x, x * 2.0], axis=-1),
            "TF_stack": lambda x: tf.stack([x, x], axis=1),
            "TF_split": lambda x: tf.split(x, 2, axis=1),
            "TF_unstack": lambda x: tf.unstack(x, axis=1),
            "TF_cast": lambda x: tf.cast(x, tf.int32),
            "TF_clip": lambda x: tf.clip_by_value(x, -0.5, 0.5),
            "TF_where": lambda x: tf.where(x > 0.0, x, 0.1 * x),
            "TF_matmul": lambda x: tf.matmul(x, x, transpose_b=True),
            "TF_einsum": lambda x: tf.einsum("bij,bkj->bik", x, x),
            "TF_expand_squeeze": lambda x: tf.squeeze(tf.expand_dims(x, 1), axis=1),
            "TF_gather": lambda x: tf.gather(x, [0, 2], axis=1),
            "TF_l2_normalize": lambda x: tf.math.l2_normalize(x, axis=-1),
            "TF_one_hot": lambda x: tf.one_hot(tf.argmax(x, axis=-1), 4),
            "TF_shape": lambda x: tf.reshape(x, (tf.shape(x)[0], 24)),
            "TF_constant": lambda x: x * tf.constant([1.0, 2.0, 3.0, 4.0]),
            "TF_pad": lambda x: tf.pad(x, [[0, 0], [1, 1], [0, 0]]),
            "TF_top_k": lambda x: tf.math.top_k(x, k=2),
            "TF_tile": lambda x: tf.tile(x, [1, 2, 1]),
            "TF_operators": lambda x: (x[:, 1:] + x[:, :-1]) / 2.0 > 0.1,
            "TF_in_lambda": lambda x: layers.Lambda(lambda value: __import__("tensorflow").reduce_max(value, axis=1))(
                x
            ),
        },
    )
    zoo.graphs(
        IMAGE,
        {
            "TF_image_resize": lambda x: tf.image.resize(x, (4, 4)),
            "TF_max_pool": lambda x: tf.nn.max_pool2d(x, 2, 2, "SAME"),
            "TF_depth_to_space": lambda x: tf.nn.space_to_depth(x, 2),
            "TF_gray": lambda x: tf.image.rgb_to_grayscale(x),
        },
    )

    @zoo.model("TF_distance")
    def distance():
        first, second = zoo.keras.Input(VECTOR), zoo.keras.Input(VECTOR)
        gap = tf.sqrt(tf.reduce_sum(tf.square(first - second), axis=1, keepdims=True) + 1e-7)
        return zoo.keras.Model([first, second], gap)

    @zoo.model("TF_backend_functions")
    def backend():
        tensor, functions = zoo.keras.Input(VECTOR), zoo.keras.backend
        return zoo.keras.Model(tensor, functions.sum(functions.square(tensor), axis=1, keepdims=True))
