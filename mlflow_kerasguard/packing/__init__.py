"""Environments that travel: a conda environment as an archive, or a model's wheels as a directory.

``find_prefix`` (conda_environment) says which environment is meant, ``inspect_prefix`` (inspection) what is
to be known of it before conda-pack (conda) writes the archive and a manifest describes it. ``pack`` and
``unpack`` are the two ways through all of that, ``beside_model`` is the one that ``log_model`` takes, and
``wheelhouse`` is for whoever has no conda environment. Archives are made by conda-pack and nothing else.
"""
