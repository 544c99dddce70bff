"""The example runs from beginning to end."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parent.parent / "examples" / "digits.py"


@pytest.mark.live
def test_digits(tmp_path):
    done = subprocess.run(
        [sys.executable, str(EXAMPLE), str(tmp_path / "here")],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        # MLflow puts into this process's what other tests have chosen.
        env={name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")},
        timeout=900,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    before, _, refused = done.stdout.partition("=== 5. ")
    assert "COMPATIBLE: models:/" in before
    assert int(before.split("the server answered; ")[1].split(" of 200 ")[0]) >= 180
    assert "INCOMPATIBLE: " in refused
    assert "quantization_config" in refused
    assert not any(path.name != "here" for path in tmp_path.iterdir()), "something was left outside the directory"
