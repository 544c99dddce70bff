"""Models on Spark, by MLflow's own ``spark_udf``."""
