"""Train a small model with a layer of its own, log it, serve it, score it; then see it refused.

    python examples/digits.py [DIRECTORY]

DIRECTORY keeps the tracking database and the model; without it they are temporary. The second part
serves the same model with Keras 3.8.0, which doesn't know a setting that newer releases store. It is
downloaded from PyPI (1.5 MB) into the directory and leaves the installed Keras alone.
"""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

OLD_KERAS = "3.8.0"
PATIENCE = 180  # seconds that a server may take to start


def main(directory):
    say("1. train a classifier of handwritten digits that has a layer of its own")
    model, images, digits = train()
    say("2. log it to an embedded SQLite store")
    environment = {"MLFLOW_TRACKING_URI": f"sqlite:///{directory}/mlflow.db"}
    uri = log(model, images, directory, environment["MLFLOW_TRACKING_URI"])
    say(f"3. check it here: kerasguard check {uri}")
    subprocess.run(["kerasguard", "check", uri], check=True, env=environment_with(environment))
    say(f"4. serve it: mlflow models serve -m {uri} --env-manager local")
    with serving(uri, environment, log_file=directory / "good.log") as url:
        hits = score(url, images, digits)
    print(f"the server answered; {hits} of {len(digits)} digits are right")
    say(f"5. serve it where Keras is {OLD_KERAS}: the server refuses, and says why")
    old = {**environment, "PYTHONPATH": install_keras(directory / f"keras-{OLD_KERAS}")}
    print(refusal(uri, old, log_file=directory / "bad.log"))


def say(step):
    print(f"\n=== {step}", flush=True)


def train():
    """A trained model, with the images and digits that it hasn't seen."""
    import keras
    from layers import Scale
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    images, digits = load_digits(return_X_y=True)
    images = images.astype("float32") / 16
    train_x, test_x, train_y, test_y = train_test_split(images, digits, test_size=200, random_state=0)
    model = keras.Sequential(
        [keras.Input((64,)), Scale(), keras.layers.Dense(64, activation="relu"), keras.layers.Dense(10)]
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer="adam", loss=loss, metrics=["accuracy"])
    model.fit(train_x, train_y, epochs=20, verbose=0)
    return model, test_x, test_y


def log(model, images, directory, tracking_uri):
    """Log the model; the module `layers` goes along without being named. Returns the model's URI."""
    import mlflow

    import mlflow_kerasguard

    mlflow.set_tracking_uri(tracking_uri)
    mlflow.create_experiment("digits", artifact_location=(directory / "artifacts").as_uri())
    mlflow.set_experiment("digits")
    with mlflow.start_run():
        info = mlflow_kerasguard.log_model(model, name="digits", input_example=images[:3])
    print(f"logged {info.model_uri}")
    return info.model_uri


def environment_with(extra):
    """This process's environment, the programs beside this Python first, and ``extra``."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    return {**os.environ, "PATH": path, **extra}


def start_server(uri, environment, port, log):
    command = ["mlflow", "models", "serve", "-m", uri, "--env-manager", "local", "--port", str(port)]
    # A process group of its own, so that the server's children can be ended together with it.
    return subprocess.Popen(
        command, env=environment_with(environment), stdout=log, stderr=subprocess.STDOUT, start_new_session=True
    )


@contextmanager
def serving(uri, environment, log_file):
    """The URL of a server of the model, which ends with the block."""
    port = free_port()
    with log_file.open("w") as log:
        server = start_server(uri, environment, port, log)
        try:
            url = f"http://127.0.0.1:{port}"
            if not answers(url, server):
                raise SystemExit(f"the server did not start:\n{log_file.read_text()}")
            yield url
        finally:
            stop(server)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answers(url, server):
    """Wait until the server answers; False where it ends or takes too long."""
    import requests

    deadline = time.monotonic() + PATIENCE
    while server.poll() is None and time.monotonic() < deadline:
        try:
            return requests.get(f"{url}/ping", timeout=5).ok
        except requests.ConnectionError:
            time.sleep(0.5)
    return False


def stop(server):
    """End the server with all its processes."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(server.pid, number)
            server.wait(timeout=10)
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue


def score(url, images, digits):
    """How many of the images the server recognizes."""
    import requests

    response = requests.post(f"{url}/invocations", json={"inputs": images.tolist()}, timeout=60)
    response.raise_for_status()
    scores = response.json()["predictions"]
    return sum(row.index(max(row)) == digit for row, digit in zip(scores, digits, strict=True))


def install_keras(target):
    """Put the old Keras into a directory of its own; returns the directory."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", str(target)]
    subprocess.run([*command, f"keras=={OLD_KERAS}"], check=True)
    return str(target)


def refusal(uri, environment, log_file):
    """What `mlflow models serve` prints when the model is refused."""
    with log_file.open("w") as log:
        server = start_server(uri, environment, free_port(), log)
        try:
            status = server.wait(timeout=PATIENCE)
        finally:
            stop(server)
    if status == 0:
        raise SystemExit("the server should have refused the model")
    return f"{log_file.read_text()}\nthe server ended with exit status {status}"


if __name__ == "__main__":
    if len(sys.argv) > 1:
        place = Path(sys.argv[1]).resolve()
        place.mkdir(parents=True, exist_ok=True)
        main(place)
    else:
        with tempfile.TemporaryDirectory() as temporary:
            main(Path(temporary))
