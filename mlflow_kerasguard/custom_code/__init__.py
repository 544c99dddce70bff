"""The code of custom objects: captured when a model is logged, restored when it is loaded.

``capture`` decides what is packaged, from the live model (``live_objects``), the modules of the
project (``local_modules``) and scripts (``main_module``); ``restore`` imports it again, in isolation.
"""
