"""Predictions in one process, beside MLflow's own flavor and the bare traced function."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from pathlib import Path

from tests.benchmarks.timing import Figure

ROW_TIMES, BARE_TIMES, TABLE_TIMES, MEMORY_TIMES = 50, 1.3, 1.0, 1.2

#: The model of all figures: three layers of eight units.
MODEL = """
import contextlib, io, json, os, statistics, sys, time, warnings
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
warnings.simplefilter("ignore")
import keras, mlflow, numpy as np, tensorflow as tf
import mlflow.keras, mlflow_kerasguard
from mlflow.models import infer_signature

def make(width, outputs=1):
    layers = [keras.Input((width,))] + [keras.layers.Dense(8, activation="relu") for _ in range(2)]
    return keras.Sequential([*layers, keras.layers.Dense(outputs)])

def save(model, width, directory):
    x = np.random.default_rng(0).random((3, width), dtype="float32")
    mlflow_kerasguard.save_model(model, f"{directory}/ours", input_example=x, rehearse=False)
    mlflow.keras.save_model(model, f"{directory}/stock", signature=infer_signature(x, model.predict(x, verbose=0)))
"""

_ROW = """
directory, runs = sys.argv[1], int(sys.argv[2])
model = make(4)
save(model, 4, directory)
x = np.random.default_rng(1).random((1, 4), dtype="float32")
ours, stock = (mlflow.pyfunc.load_model(f"{directory}/{name}") for name in ("ours", "stock"))
traced = tf.function(lambda x: model(x, training=False), input_signature=[tf.TensorSpec((None, 4), "float32")])

class Nothing:
    def predict(self, data, params=None):
        return data

nothing = mlflow.pyfunc.PyFuncModel(ours.metadata, Nothing())
table = __import__("pandas").DataFrame(x)

def timed(function, calls):
    start = time.perf_counter()
    for _ in range(calls):
        function()
    return (time.perf_counter() - start) / calls

sides = {
    "ours": (lambda: ours.predict(x), 300), "stock": (lambda: stock.predict(x), 5),
    "bare": (lambda: traced(x).numpy(), 300), "nothing": (lambda: nothing.predict(x), 300),
    "our table": (lambda: ours.predict(table), 100), "no table": (lambda: nothing.predict(table), 100),
}
times = {name: [] for name in sides}
# Stock MLflow prints a progress bar for each call.
with contextlib.redirect_stdout(io.StringIO()):
    np.testing.assert_allclose(ours.predict(x), stock.predict(x), rtol=1e-5)
    for function, _ in sides.values():
        timed(function, 20)
    for _ in range(3 * runs):
        for name, side in sides.items():
            times[name].append(timed(*side))
print(json.dumps(times))
"""

_TABLE = """
directory, runs = sys.argv[1], int(sys.argv[2])
ROWS, WIDTH, OUTPUTS = 100_000, 256, 16
model = make(WIDTH, OUTPUTS)
save(model, WIDTH, directory)
x = np.random.default_rng(1).random((ROWS, WIDTH), dtype="float32")
ours = mlflow.pyfunc.load_model(f"{directory}/ours")
sizes = (256, 1024, 4096, 16384, ROWS)

def timed(function):
    start = time.perf_counter()
    function()
    return time.perf_counter() - start

keras_own = {size: lambda size=size: model.predict(x, batch_size=size, verbose=0) for size in sizes}
for function in (*keras_own.values(), lambda: ours.predict(x)):
    function()
times = {"ours": [], **{str(size): [] for size in sizes}}
for _ in range(runs):
    times["ours"].append(timed(lambda: ours.predict(x)))
    for size, function in keras_own.items():
        times[str(size)].append(timed(function))
print(json.dumps(times))
"""

_MEMORY = """
directory = sys.argv[1]
ROWS, WIDTH, OUTPUTS = 100_000, 256, 16
save(make(WIDTH, OUTPUTS), WIDTH, directory)
model = mlflow.pyfunc.load_model(f"{directory}/{sys.argv[2]}")
x = np.random.default_rng(1).random((ROWS, WIDTH), dtype="float32")

def status(key):
    lines = open("/proc/self/status").read().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(key))

with contextlib.redirect_stdout(io.StringIO()):
    model.predict(x[:10_000])
before = status("VmRSS")
open("/proc/self/clear_refs", "w").write("5")
with contextlib.redirect_stdout(io.StringIO()):
    y = model.predict(x)
rows = 4096
least = x.nbytes + y.nbytes + rows * (WIDTH + OUTPUTS) * x.itemsize
print(json.dumps({"peak": x.nbytes + status("VmHWM") - before, "least": least}))
"""


def one_row(scratch: Path, runs: int) -> list[Figure]:
    times = _measure(_ROW, scratch, runs)
    faster = statistics.median(a / b for a, b in zip(times["stock"], times["ours"], strict=True))
    triples = list(zip(times["ours"], times["nothing"], times["bare"], strict=True))
    over = statistics.median((ours - nothing) / bare for ours, nothing, bare in triples)
    medians = {name: 1000 * statistics.median(values) for name, values in times.items()}
    table = medians["our table"] - medians["no table"]
    return [
        Figure(
            name="one-row pyfunc `predict` of an array, beside `mlflow.keras`",
            target=f"≥ {ROW_TIMES} times faster",
            measured=f"{faster:.0f} times ({medians['ours']:.2f} ms beside {medians['stock']:.1f} ms)",
            met=faster >= ROW_TIMES,
        ),
        Figure(
            name="the same beyond MLflow's own overhead, beside the bare traced call",
            target=f"≤ {BARE_TIMES} times",
            measured=f"{over:.2f} times (MLflow {medians['nothing']:.3f} ms, bare call {medians['bare']:.2f} ms)",
            met=over <= BARE_TIMES,
        ),
        Figure(
            name="one-row pyfunc `predict` of a table, beyond MLflow's own overhead, beside the bare traced call",
            target=f"≤ {BARE_TIMES} times and 1 ms",
            measured=f"{medians['our table']:.2f} ms, of which MLflow's {medians['no table']:.2f} ms",
            met=table <= BARE_TIMES * medians["bare"] + 1,
        ),
    ]


def large_table(scratch: Path, runs: int) -> list[Figure]:
    times = _measure(_TABLE, scratch, runs)
    best = min((size for size in times if size != "ours"), key=lambda size: statistics.median(times[size]))
    ratio = statistics.median(a / b for a, b in zip(times["ours"], times[best], strict=True))
    memory = {name: _measure(_MEMORY, scratch / f"memory of {name}", name) for name in ("ours", "stock")}
    shares = {name: found["peak"] / found["least"] for name, found in memory.items()}
    return [
        Figure(
            name="100,000-row `predict`, beside `model.predict` at its best batch size",
            target=f"≤ {TABLE_TIMES} times the time",
            measured=f"{ratio:.2f} times ({statistics.median(times['ours']):.2f} s; Keras with batches of {best})",
            met=ratio <= TABLE_TIMES,
        ),
        Figure(
            name="peak memory of the same, beside input + output + one batch",
            target=f"≤ {MEMORY_TIMES} times",
            measured=f"{shares['ours']:.2f} times (`mlflow.keras`: {shares['stock']:.2f} times)",
            met=shares["ours"] <= MEMORY_TIMES,
        ),
    ]


def _measure(script: str, scratch: Path, argument: object) -> dict:
    scratch.mkdir(exist_ok=True)
    command = [sys.executable, "-W", "ignore", "-c", MODEL + script, str(scratch), str(argument)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])
