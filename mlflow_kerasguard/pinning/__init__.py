"""What has to be installed where a model is loaded: pins, their closure, and a lock.

``plan`` puts it together. ``direct`` finds what the model itself needs, ``closure`` what that requires;
``installed``, ``direct_url``, ``modules`` and ``known_files`` read what is installed here and where it came
from; ``lines``, ``lock`` and ``files`` write it down; ``suitable`` holds what a user gave against the model.

No process is started and no index is asked.
"""
