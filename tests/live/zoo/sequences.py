"""Embeddings and attention."""

from tests.live.zoo import SEQUENCE


def fill(zoo):
    layers = zoo.keras.layers
    _embeddings(zoo, layers)
    _attention(zoo, layers)
    _multi_head(zoo, layers)


def _embeddings(zoo, layers):
    zoo.layers(
        (6,),
        {
            "Embedding": lambda: layers.Embedding(10, 3),
            "Embedding_masking": lambda: layers.Embedding(10, 3, mask_zero=True),
            "Embedding_input_length": lambda: layers.Embedding(10, 3, input_length=6),
            "Embedding_regularized": lambda: layers.Embedding(
                10, 3, embeddings_initializer="normal", embeddings_regularizer="l2", embeddings_constraint="max_norm"
            ),
            "Embedding_sparse": lambda: layers.Embedding(10, 3, sparse=True),
            "ReversibleEmbedding": lambda: layers.ReversibleEmbedding(10, 3),
            "ReversibleEmbedding_untied": lambda: layers.ReversibleEmbedding(10, 3, tie_weights=False),
        },
        dtype="int32",
    )
    _masked(zoo, layers)

    @zoo.model("Embedding_lora")
    def lora():
        embedding = layers.Embedding(10, 4)
        model = zoo.keras.Sequential([zoo.keras.Input((6,)), embedding])
        embedding.enable_lora(2)
        return model

    @zoo.model("Embedding_weights")
    def weights():
        import numpy as np

        embedding = layers.Embedding(10, 3, weights=[np.ones((10, 3))], trainable=False)
        return zoo.keras.Sequential([zoo.keras.Input((6,)), embedding])

    @zoo.model("Embedding_first_in_sequential")
    def first():
        import numpy as np

        lines = [layers.Embedding(10, 3, input_shape=(6,)), layers.Flatten(), layers.Dense(2)]
        return zoo.keras.Sequential(lines), np.arange(12).reshape(2, 6) % 10


def _masked(zoo, layers):
    zoo.graphs(
        (6,),
        {
            "Masked_lstm": lambda words: layers.LSTM(3)(layers.Embedding(10, 4, mask_zero=True)(words)),
            "Masked_average": lambda words: layers.GlobalAveragePooling1D()(
                layers.Embedding(10, 4, mask_zero=True)(words)
            ),
            "Masked_concatenate": lambda words: layers.Concatenate()(
                [layers.Embedding(10, 4, mask_zero=True)(words), layers.Embedding(10, 2, mask_zero=True)(words)]
            ),
            "Masked_time_distributed": lambda words: layers.TimeDistributed(layers.Dense(2))(
                layers.Embedding(10, 4, mask_zero=True)(words)
            ),
        },
        dtype="int32",
    )


def _attention(zoo, layers):
    zoo.graphs(
        SEQUENCE,
        {
            "Attention": lambda words: layers.Attention()([words, words]),
            "Attention_scaled": lambda words: layers.Attention(use_scale=True, dropout=0.1)([words, words, words]),
            "Attention_causal": lambda words: layers.Attention(causal=True)([words, words]),
            "Attention_causal_call": lambda words: layers.Attention()([words, words], use_causal_mask=True),
            "Attention_concat": lambda words: layers.Attention(score_mode="concat")([words, words]),
            "Attention_seeded": lambda words: layers.Attention(seed=3, dropout=0.1)([words, words]),
            "Attention_scores": lambda words: layers.Attention()([words, words], return_attention_scores=True),
            "AdditiveAttention": lambda words: layers.AdditiveAttention()([words, words]),
            "AdditiveAttention_noscale": lambda words: layers.AdditiveAttention(use_scale=False)([words, words, words]),
        },
    )


def _multi_head(zoo, layers):
    def heads(**arguments):
        return layers.MultiHeadAttention(2, 3, **arguments)

    zoo.graphs(
        SEQUENCE,
        {
            "MultiHeadAttention": lambda words: heads()(words, words),
            "MultiHeadAttention_key": lambda words: heads(dropout=0.1)(words, words, words),
            "MultiHeadAttention_keywords": lambda words: heads()(query=words, value=words, key=words),
            "MultiHeadAttention_causal": lambda words: heads()(words, words, use_causal_mask=True),
            "MultiHeadAttention_scores": lambda words: heads()(words, words, return_attention_scores=True),
            "MultiHeadAttention_shaped": lambda words: heads(value_dim=5, output_shape=7, use_bias=False)(words, words),
            "MultiHeadAttention_seeded": lambda words: heads(seed=3)(words, words),
            "MultiHeadAttention_flash": lambda words: heads(flash_attention=False)(words, words),
            "MultiHeadAttention_gate": lambda words: heads(use_gate=True)(words, words),
            "GroupQueryAttention": lambda words: layers.GroupQueryAttention(3, 4, 2)(words, words),
            "GroupedQueryAttention": lambda words: layers.GroupedQueryAttention(3, 4, 2)(words, words),
            "GroupQueryAttention_multi_query": lambda words: layers.GroupQueryAttention(3, 4, 1)(words, words),
        },
    )
    zoo.graphs((3, 4, 5), {"MultiHeadAttention_axes": lambda grid: heads(attention_axes=(1, 2))(grid, grid)})

    @zoo.model("MultiHeadAttention_mask")
    def mask():
        words, seen = zoo.keras.Input(SEQUENCE), zoo.keras.Input((6, 6), dtype="bool")
        return zoo.keras.Model([words, seen], heads()(words, words, attention_mask=seen))

    @zoo.model("MultiHeadAttention_masked_embedding")
    def masked():
        words = zoo.keras.Input((6,), dtype="int32")
        embedded = layers.Embedding(10, 4, mask_zero=True)(words)
        return zoo.keras.Model(words, heads()(embedded, embedded))

    @zoo.model("MultiHeadAttention_cross")
    def cross():
        query, value = zoo.keras.Input((3, 4)), zoo.keras.Input((5, 2))
        return zoo.keras.Model([query, value], heads()(query, value))
