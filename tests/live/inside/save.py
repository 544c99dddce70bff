"""Build, save and call the models of the zoo: ``python -m tests.live.inside.save DIRECTORY MODULE …``.

Prints one line of JSON per model: what was saved, or why it couldn't be.
"""

import argparse
import json
import signal
import sys
from pathlib import Path

from tests.live.inside import values
from tests.live.zoo import all_cases

#: Seconds that building and saving one model may take.
PATIENCE = 120


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("directory", type=Path)
    parser.add_argument("module")
    parser.add_argument("--format", action="append", default=[])
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    answers, sys.stdout = sys.stdout, sys.stderr
    keras = values.import_keras(options.module)
    only = set(options.only.split(",")) - {""}
    signal.signal(signal.SIGALRM, _too_late)
    for name, case in all_cases(keras).items():
        if not only or name in only:
            report = save(keras, name, case, options.directory, options.format)
            print(json.dumps(report), file=answers, flush=True)


def _too_late(*_):
    raise TimeoutError(f"not done within {PATIENCE} s")


def save(keras, name, case, directory, formats):
    """Save a model in each format with what it answers; a format that fails leaves the others."""
    report = {"name": name, "files": [], "errors": {}}
    try:
        signal.alarm(PATIENCE)
        keras.backend.clear_session()
        random = values.seed_everything(keras, name)
        model, inputs = _build(case, random)
        outputs = values.to_arrays(model(values.to_tensors(inputs), training=False))
        values.write_values(directory / f"{name}.npz", inputs, outputs)
    except Exception as error:  # noqa: BLE001  # whatever it is, it is reported
        report["errors"]["build"] = _short(error)
        return report
    finally:
        signal.alarm(0)
    for extension in formats:
        _save(model, directory / f"{name}.{extension}", report)
    return report


def _build(case, random):
    """The model and its inputs: those of the case, or drawn ones."""
    built = case()
    model, inputs = built if isinstance(built, tuple) else (built, None)
    if inputs is None:
        inputs = values.draw_inputs(model, random)
    model(values.to_tensors(inputs), training=False)
    _shake(model, random)
    for layer in model.layers:
        # A layer that goes on where the last call ended would answer otherwise after loading.
        if getattr(layer, "stateful", False) and hasattr(layer, "reset_states"):
            layer.reset_states()
        elif getattr(layer, "stateful", False) and hasattr(layer, "reset_state"):
            layer.reset_state()
    return model, inputs


def _shake(model, random):
    """Give biases and statistics values of their own: zeros and ones hide that they were lost."""
    trained = {id(weight) for weight in model.trainable_weights}
    kept = model.get_weights()
    for number, (weight, value) in enumerate(zip(model.weights, kept)):
        if id(weight) in trained or "moving_" in weight.name:
            noise = random.uniform(0.05, 0.3, size=value.shape)
            kept[number] = (value + noise).astype(value.dtype)
    model.set_weights(kept)


def _save(model, path, report):
    try:
        signal.alarm(PATIENCE)
        model.save(str(path))
        report["files"].append(path.name)
    except Exception as error:  # noqa: BLE001  # whatever it is, it is reported
        report["errors"][path.suffix[1:]] = _short(error)
        if path.exists():
            path.unlink()
    finally:
        signal.alarm(0)


def _short(error):
    return f"{type(error).__name__}: {error}"[:600]


if __name__ == "__main__":
    main()
