"""The environment that a model pins, built from scratch, and the model loaded in it.

``plans`` says what is to be installed and ``loosening`` which pins can't stay; ``managers`` and ``pythons``
know the tools that install, ``commands`` runs them, ``store`` keeps what they made. ``trial`` starts the
environment's Python, where ``inside`` runs, and ``rehearsals`` does all of it for several environments, while
``progress`` tells. ``outcome`` holds what came of it.
"""
