"""Models in MLflow's registry: promotion, enforcement on the server, the whole fleet, adoption."""
