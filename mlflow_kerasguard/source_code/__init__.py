"""Source text of Python: what a module defines, told from its syntax tree; nothing is imported.

``definitions`` finds and digests what a module's top level binds, ``fingerprints`` describes single
classes and functions.
"""
