"""What a caller can choose."""

from __future__ import annotations

import pytest

from mlflow_kerasguard import UsageError, check, load_model
from mlflow_kerasguard.policies import CustomCode
from tests.files import dense, write_keras


@pytest.mark.parametrize("policy", CustomCode)
def test_a_policy_by_name(policy):
    assert CustomCode.of(policy.value) is CustomCode.of(policy) is policy


@pytest.mark.parametrize("value", ["Host", "", None, 3])
def test_no_such_policy(value, tmp_path):
    model = write_keras(tmp_path / "model.keras", dense())
    for call in (check, load_model):
        with pytest.raises(UsageError) as caught:
            call(model, custom_code=value)
        assert str(caught.value) == f"`custom_code` has to be `packaged`, `host` or `require-same`, not {value!r}"
