"""All rules. One module per family; importing this package registers every one of them.

To add a rule: write one function in its family's module, under :func:`registry.rule`, and one firing
and one silent case in the tests' table of that family.
"""

from mlflow_kerasguard.rules import classes, config, custom_code, environment, predictions, safety
from mlflow_kerasguard.rules.registry import RULES, RegisteredRule

__all__ = ["RULES", "RegisteredRule", "classes", "config", "custom_code", "environment", "predictions", "safety"]
