"""Compiled models: optimizers, losses and metrics under all the names that they have."""

import numpy as np

from tests.live.zoo import VECTOR

OPTIMIZERS = "Adadelta Adafactor Adagrad Adam AdamW Adamax Ftrl Lion Lamb Muon Nadam RMSprop SGD"
OPTIMIZER_STRINGS = "adam sgd rmsprop adagrad nadam adamw"
LOSSES = (
    "BinaryCrossentropy BinaryFocalCrossentropy CategoricalCrossentropy CategoricalFocalCrossentropy CategoricalHinge "
    "CosineSimilarity Dice Hinge Huber KLDivergence LogCosh MeanAbsoluteError MeanAbsolutePercentageError "
    "MeanSquaredError MeanSquaredLogarithmicError Poisson SparseCategoricalCrossentropy SquaredHinge Tversky CTC Circle"
)
LOSS_STRINGS = (
    "mse mae mape msle kld binary_crossentropy categorical_crossentropy sparse_categorical_crossentropy hinge huber "
    "log_cosh logcosh poisson cosine_similarity mean_squared_error MSE"
)
METRICS = (
    "AUC Accuracy BinaryAccuracy BinaryCrossentropy BinaryIoU CategoricalAccuracy CosineSimilarity F1Score "
    "FBetaScore FalseNegatives FalsePositives KLDivergence LogCoshError Mean MeanAbsoluteError MeanSquaredError "
    "Precision R2Score Recall RootMeanSquaredError SparseCategoricalAccuracy SparseTopKCategoricalAccuracy "
    "TopKCategoricalAccuracy TrueNegatives TruePositives"
)
METRIC_STRINGS = "accuracy acc mse mae binary_accuracy categorical_accuracy sparse_categorical_accuracy AUC top_k_categorical_accuracy"


def fill(zoo):
    keras = zoo.keras
    for name in OPTIMIZERS.split():
        _compile(zoo, "Optimizer_" + name, lambda name=name: {"optimizer": getattr(keras.optimizers, name)()})
    for name in OPTIMIZER_STRINGS.split():
        _compile(zoo, "Optimizer_string_" + name, lambda name=name: {"optimizer": name})
    for name in LOSSES.split():
        _compile(zoo, "Loss_" + name, lambda name=name: {"loss": getattr(keras.losses, name)()})
    for name in LOSS_STRINGS.split():
        _compile(zoo, "Loss_string_" + name, lambda name=name: {"loss": name})
    for name in METRICS.split():
        _compile(zoo, "Metric_" + name, lambda name=name: {"metrics": [getattr(keras.metrics, name)()]})
    for name in METRIC_STRINGS.split():
        _compile(zoo, "Metric_string_" + name, lambda name=name: {"metrics": [name]})
    _optimizers(zoo, keras)
    _structures(zoo, keras)
    _trained(zoo, keras)


def _compile(zoo, name, arguments):
    def build():
        model = _model(zoo.keras)
        model.compile(**{"optimizer": "sgd", "loss": "mse", **arguments()})
        return model

    zoo.add(name, build)


def _model(keras):
    return keras.Sequential([keras.Input(VECTOR), keras.layers.Dense(3, activation="softmax")])


def _optimizers(zoo, keras):
    optimizers = keras.optimizers
    table = {
        "Schedule_exponential": lambda: optimizers.Adam(optimizers.schedules.ExponentialDecay(0.1, 10, 0.9)),
        "Schedule_cosine": lambda: optimizers.SGD(optimizers.schedules.CosineDecay(0.1, 10)),
        "Schedule_cosine_warmup": lambda: optimizers.SGD(
            optimizers.schedules.CosineDecay(0.1, 10, warmup_target=0.2, warmup_steps=3)
        ),
        "Schedule_restarts": lambda: optimizers.SGD(optimizers.schedules.CosineDecayRestarts(0.1, 10)),
        "Schedule_piecewise": lambda: optimizers.SGD(
            optimizers.schedules.PiecewiseConstantDecay([5, 10], [0.1, 0.05, 0.01])
        ),
        "Schedule_polynomial": lambda: optimizers.SGD(optimizers.schedules.PolynomialDecay(0.1, 10)),
        "Schedule_inverse_time": lambda: optimizers.SGD(optimizers.schedules.InverseTimeDecay(0.1, 10, 0.5)),
        "Optimizer_clipping": lambda: optimizers.Adam(0.01, clipnorm=1.0),
        "Optimizer_clipvalue": lambda: optimizers.SGD(0.01, momentum=0.9, nesterov=True, clipvalue=0.5),
        "Optimizer_amsgrad": lambda: optimizers.Adam(amsgrad=True, epsilon=1e-6),
        "Optimizer_decay": lambda: optimizers.Adam(0.01, decay=1e-4),
        "Optimizer_lr": lambda: optimizers.Adam(lr=0.01),
        "Optimizer_weight_decay": lambda: optimizers.AdamW(0.01, weight_decay=0.02),
        "Optimizer_ema": lambda: optimizers.Adam(use_ema=True, ema_momentum=0.9),
        "Optimizer_accumulation": lambda: optimizers.Adam(gradient_accumulation_steps=2),
        "Optimizer_legacy": lambda: optimizers.legacy.Adam(0.01),
        "Optimizer_experimental": lambda: optimizers.experimental.Adam(0.01),
        "Optimizer_loss_scale": lambda: keras.mixed_precision.LossScaleOptimizer(optimizers.Adam()),
    }
    for name, make in table.items():
        _compile(zoo, name, lambda make=make: {"optimizer": make()})


def _structures(zoo, keras):
    losses, metrics = keras.losses, keras.metrics
    table = {
        "Loss_from_logits": lambda: {"loss": losses.SparseCategoricalCrossentropy(from_logits=True)},
        "Loss_smoothing": lambda: {"loss": losses.CategoricalCrossentropy(label_smoothing=0.1)},
        "Loss_reduction": lambda: {"loss": losses.MeanSquaredError(reduction="sum")},
        "Loss_function": lambda: {"loss": losses.mean_squared_error},
        "Loss_named": lambda: {"loss": losses.Huber(delta=2.0, name="my_huber")},
        "Metrics_mixed": lambda: {"metrics": ["accuracy", metrics.AUC(name="auc"), metrics.Precision(thresholds=0.4)]},
        "Metrics_weighted": lambda: {"weighted_metrics": ["mae"]},
        "Metrics_function": lambda: {"metrics": [metrics.mean_absolute_error]},
        "Compile_jit": lambda: {"jit_compile": True},
        "Compile_steps": lambda: {"steps_per_execution": 4, "run_eagerly": False},
        "Compile_auto_scale": lambda: {"auto_scale_loss": True},
        "Compile_only_loss": lambda: {"optimizer": "rmsprop"},
    }
    for name, arguments in table.items():
        _compile(zoo, name, arguments)

    def heads():
        tensor = keras.Input(VECTOR)
        score, label = keras.layers.Dense(1, name="score"), keras.layers.Dense(3, name="label", activation="softmax")
        return keras.Model(tensor, [score(tensor), label(tensor)])

    @zoo.model("Compile_loss_dict")
    def loss_dict():
        model = heads()
        loss = {"score": "mse", "label": "sparse_categorical_crossentropy"}
        model.compile("adam", loss, loss_weights={"score": 0.5, "label": 1.0}, metrics={"label": ["accuracy"]})
        return model

    @zoo.model("Compile_loss_list")
    def loss_list():
        model = heads()
        model.compile("adam", ["mse", keras.losses.CategoricalCrossentropy()], loss_weights=[1.0, 0.5])
        return model


def _trained(zoo, keras):
    """After a step of training the file holds the optimizer's variables."""

    def trained(optimizer, loss="mse"):
        def build():
            model = _model(keras)
            model.compile(optimizer(), loss, metrics=["mae"])
            random = np.random.RandomState(0)
            model.fit(random.rand(4, 6).astype("float32"), random.rand(4, 3).astype("float32"), epochs=1, verbose=0)
            return model

        return build

    zoo.add("Trained_adam", trained(lambda: "adam"))
    zoo.add("Trained_sgd_momentum", trained(lambda: keras.optimizers.SGD(0.1, momentum=0.9)))
    zoo.add("Trained_rmsprop", trained(lambda: keras.optimizers.RMSprop(0.01, centered=True)))
    zoo.add("Trained_adamw", trained(lambda: keras.optimizers.AdamW(0.01)))
    zoo.add("Trained_nadam_huber", trained(lambda: "nadam", "huber"))
    zoo.add("Trained_schedule", trained(lambda: keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.1, 9))))

    @zoo.model("Seq_mlp_compiled")
    def perceptron():
        lines = [keras.layers.Dense(8, activation="relu"), keras.layers.Dropout(0.2), keras.layers.Dense(1)]
        model = keras.Sequential([keras.Input(VECTOR), *lines])
        model.compile("adam", "mse", metrics=["mae"])
        return model
