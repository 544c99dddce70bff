"""What a caller can choose: which version of packaged code counts."""

from __future__ import annotations

from enum import Enum

from mlflow_kerasguard.errors import UsageError


class CustomCode(str, Enum):
    """Where the code of custom objects is taken from, and what is demanded of the host's own version.

    Attributes:
        PACKAGED: the code in the model; where the host has another version, that is told.
        HOST: the host's own; it has to have what was logged, unchanged.
        REQUIRE_SAME: the code in the model; the host has to have the same all the same.
    """

    PACKAGED = "packaged"
    HOST = "host"
    REQUIRE_SAME = "require-same"

    @classmethod
    def of(cls, value: str, *, given_as: str = "custom_code") -> CustomCode:
        """The policy of that name.

        Args:
            value: the name.
            given_as: what the caller calls it: an argument or a variable.

        Raises:
            UsageError: there is none.
        """
        names = [policy.value for policy in cls]
        if value not in names:
            allowed = ", ".join(f"`{name}`" for name in names[:-1])
            raise UsageError(f"`{given_as}` has to be {allowed} or `{names[-1]}`, not {value!r}")
        return cls(value)
