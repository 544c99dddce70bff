"""A model appears whole or not at all: private directories, killed processes, places that can't be written."""

from __future__ import annotations

import fcntl
import subprocess
import sys
from pathlib import Path

import mlflow
import pytest

from mlflow_kerasguard import ModelNotLoggableError, UsageError, load_model, log_model, save_model, staging
from mlflow_kerasguard.tracking import require_writable_store
from tests.keras_cases import sequential

pytestmark = [pytest.mark.filterwarnings("ignore::UserWarning:mlflow"), pytest.mark.usefixtures("store")]


def test_a_destination_in_use_is_left_alone(tmp_path):
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "file").write_text("kept")
    for path in (tmp_path / "taken", tmp_path / "taken" / "file"):
        with pytest.raises(UsageError, match="exists already"):
            save_model(sequential(), path)
    assert (tmp_path / "taken" / "file").read_text() == "kept"
    (tmp_path / "empty").mkdir()
    save_model(sequential(), tmp_path / "empty", rehearse=False)
    assert load_model(tmp_path / "empty")


def test_an_unwritable_destination(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelNotLoggableError, match="can't write to"):
        save_model(sequential(), tmp_path / "file" / "model")


def test_an_unwritable_store_is_found_before_a_logged_model_is_made(tmp_path):
    (tmp_path / "file").write_text("")
    mlflow.create_experiment("unwritable", artifact_location=str(tmp_path / "file" / "artifacts"))
    mlflow.set_experiment("unwritable")
    with pytest.raises(ModelNotLoggableError, match="can't be written"):
        log_model(sequential(), "model")
    assert mlflow.search_logged_models(output_format="list") == []


KILLED = """
import os, sys, time
from pathlib import Path
from tests.keras_cases import keras, sequential
from mlflow_kerasguard import saving, save_model
written = saving.write_signature
def dawdle(*arguments):
    written(*arguments)
    print("nearly done", flush=True)
    time.sleep(600)
saving.write_signature = dawdle
save_model(sequential(), Path(sys.argv[1]) / "model")
"""


def test_a_killed_save_leaves_nothing_and_the_next_one_clears_up(tmp_path):
    target = tmp_path / "target"
    root = Path(__file__).parent.parent
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(target)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=root,
    )
    assert process.stdout.readline() == "nearly done\n"
    (left,) = target.iterdir()
    save_model(sequential(), target / "other", rehearse=False)
    assert left.exists(), "its owner was alive"
    process.kill()
    process.wait()
    process.stdout.close()
    assert not (target / "model").exists()
    save_model(sequential(), target / "model", rehearse=False)
    assert {path.name for path in target.iterdir()} == {"model", "other"}


def test_a_remote_store_isnt_tried_beforehand():
    mlflow.create_experiment("remote", artifact_location="s3://bucket/artifacts")
    mlflow.set_experiment("remote")
    require_writable_store()


def test_a_directory_that_was_taken_for_a_stale_one_is_made_again(tmp_path, monkeypatch):
    lock, taken = fcntl.flock, []

    def late(descriptor, operation):
        lock(descriptor, operation)
        if not taken:
            taken.extend(tmp_path.glob(".kerasguard-*"))
            taken[0].rmdir()

    monkeypatch.setattr(staging.fcntl, "flock", late)
    with staging.private_directory(tmp_path) as directory:
        assert directory.is_dir()
        assert directory != taken[0]
    assert not directory.exists()


def test_moving_to_a_place_that_was_taken_meanwhile(tmp_path):
    (tmp_path / "source").mkdir()
    (tmp_path / "taken" / "inside").mkdir(parents=True)
    with pytest.raises(UsageError, match="exists already"):
        staging.move_into_place(tmp_path / "source", tmp_path / "taken")
    with pytest.raises(ModelNotLoggableError, match="No such file"):
        staging.move_into_place(tmp_path / "gone", tmp_path / "free")
