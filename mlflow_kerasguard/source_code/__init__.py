"""Source text of Python, read from its syntax trees: nothing of it is imported.

``definitions`` finds and digests what a module's top level binds, ``fingerprints`` describes single
classes and functions, ``usage`` what these use, ``drift`` how two versions differ. ``imports`` tells what a
module imports, ``import_work`` what else it does then. ``used_names`` finds the names of TensorFlow and Keras
that code uses (``public_names`` in one module, by ``scopes``, ``guards`` and ``dead_code``). ``main_module``
takes the part of a script that a class needs, by its ``statements``.
"""
