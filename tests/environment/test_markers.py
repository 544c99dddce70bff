"""Markers where the Python may not be known."""

from __future__ import annotations

import pytest
from packaging.markers import Marker

from mlflow_kerasguard.environment.markers import holds, possible_pythons


@pytest.mark.parametrize(
    ("marker", "python", "requires", "expected"),
    [
        ("python_version >= '3.10'", "3.11", None, True),
        ("python_version >= '3.10'", "3.9.2", None, False),
        ("python_version >= '3.10'", None, None, None),
        ("python_version >= '3.10'", None, ">=3.11", True),
        ("python_full_version < '3.11.4'", "3.11", None, None),
        ("python_full_version < '3.11.4'", "3.11.3", None, True),
        ("sys_platform == 'no-such-platform'", None, None, False),
        ("extra == 'cli'", "3.11", None, False),
        # No such comparison is defined.
        ("sys_platform ~= 'linux'", "3.11", None, None),
    ],
)
def test_holds(marker, python, requires, expected):
    assert holds(Marker(marker), possible_pythons(python, requires)) is expected
