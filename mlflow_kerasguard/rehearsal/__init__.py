"""A rehearsal of deployment when a model is logged: a fresh process loads it and predicts.

``run`` starts the process and judges what came of it; ``process`` is what runs in there.
"""
