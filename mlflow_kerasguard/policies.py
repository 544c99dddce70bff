"""What a caller can choose: which version of packaged code counts, and what is trusted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from mlflow_kerasguard.errors import UsageError

#: The environment variables that stand for arguments where ``mlflow.pyfunc`` loads a model: the policy, and
#: what is trusted, separated by commas.
CUSTOM_CODE, TRUSTED = "MLFLOW_KERASGUARD_CUSTOM_CODE", "MLFLOW_KERASGUARD_TRUSTED"


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


@dataclass(frozen=True, slots=True, kw_only=True)
class PyfuncOptions:
    """What is given in environment variables where ``mlflow.pyfunc`` loads a model, which takes no arguments.

    Attributes:
        custom_code: whose version of packaged code counts.
        trusted: paths of objects that are vouched for.
    """

    custom_code: CustomCode = CustomCode.PACKAGED
    trusted: tuple[str, ...] = ()

    @classmethod
    def of(cls, variables: Mapping[str, str]) -> PyfuncOptions:
        """Read them from environment variables.

        Raises:
            UsageError: one has a value that it can't have.
        """
        policy = CustomCode.of(variables.get(CUSTOM_CODE, CustomCode.PACKAGED.value), given_as=CUSTOM_CODE)
        names = (name.strip() for name in variables.get(TRUSTED, "").split(","))
        return cls(custom_code=policy, trusted=tuple(name for name in names if name))
