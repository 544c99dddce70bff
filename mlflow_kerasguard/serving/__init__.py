"""A Keras model as ``mlflow.pyfunc`` calls it: data in the forms that MLflow hands over, a compiled forward pass."""

from mlflow_kerasguard.serving.wrapper import KerasModelWrapper

__all__ = ["KerasModelWrapper"]
