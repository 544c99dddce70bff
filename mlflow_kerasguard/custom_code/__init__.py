"""The code of custom objects: captured when a model is logged, restored when it is loaded.

``capture`` decides what is packaged, from the live model (``live_objects``), the modules of the
project (``local_modules``, as far as ``agreement`` finds that they still define what is live) and
``__main__`` (``main_program``: a script's or a notebook's text comes from ``interactive``, and
``main_module`` takes the part of it that the model needs); ``restore`` imports it again, in isolation.
"""
