"""The version, in one place: metadata, artifacts and ``--version`` read it from here."""

__version__ = "0.1.0"
