"""All rules. Each module is of one family; importing this package registers every one of them.

To add a rule: write one function in its family's module, under :func:`registry.rule`, and one firing
and one silent case in the tests' table of that family.
"""

from mlflow_kerasguard.rules import (
    building,
    classes,
    computations,
    config,
    custom_code,
    environment,
    graph,
    graph_layers,
    graph_predictions,
    lambda_predictions,
    lambdas,
    learned_state,
    mask_predictions,
    predictions,
    public_names,
    quantization,
    safety,
    saved_model,
    saved_model_safety,
    training,
    value_predictions,
    values,
    weight_groups,
    weights,
)
from mlflow_kerasguard.rules.registry import RULES, RegisteredRule

__all__ = [
    "RULES",
    "RegisteredRule",
    "building",
    "classes",
    "computations",
    "config",
    "custom_code",
    "environment",
    "graph",
    "graph_layers",
    "graph_predictions",
    "lambda_predictions",
    "lambdas",
    "learned_state",
    "mask_predictions",
    "predictions",
    "public_names",
    "quantization",
    "safety",
    "saved_model",
    "saved_model_safety",
    "training",
    "value_predictions",
    "values",
    "weight_groups",
    "weights",
]
