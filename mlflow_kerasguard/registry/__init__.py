"""The model registry: what may be promoted, and what the whole of it would do elsewhere."""
