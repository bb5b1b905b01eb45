"""Models of Keras in files."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from types import ModuleType

from rnnbp.interchange.keras_models.library import KerasLayer
from rnnbp.numerics import StorageError
from rnnbp.storage import PathLike

HERE = "build the model in Keras, load its weights there, and give the model"
SUFFIXES = {
    ".h5": f"files .h5 are of an older format, or of weights alone; {HERE}",
    ".hdf5": f"files .hdf5 are of an older format, or of weights alone; {HERE}",
    ".safetensors": "that is no file of Keras; rnnbp.load_weights reads it, into a model",
    ".onnx": "that is no file of Keras; rnnbp.interchange reads it by from_onnx",
}
"""What to do about other files."""
LAMBDA = "Lambda"


def loaded(keras: ModuleType, path: PathLike) -> KerasLayer:
    """The model of a ``.keras`` file, read without running code that it may contain.

    Raises FileNotFoundError where there is none, StorageError for what is no model.
    """
    file = Path(os.fsdecode(path))
    if file.suffix != ".keras":
        cure = SUFFIXES.get(file.suffix, "save the model in Keras by model.save('model.keras')")
        raise StorageError(f"from_keras reads files .keras, found {file}; {cure}")
    if not file.is_file():
        kind = "is a directory" if file.is_dir() else "does not exist"
        raise FileNotFoundError(f"from_keras: {file} {kind}; give the path of a file .keras")
    if not zipfile.is_zipfile(file):
        raise StorageError(
            f"from_keras: {file} is cut short, or no file of Keras; save the model again"
        )
    try:
        return keras.saving.load_model(file, compile=False, safe_mode=True)
    except Exception as error:  # Keras raises what its parts do: of zip, JSON and HDF5 too
        raise StorageError(f"from_keras: {file}: {_why(str(error))}") from error


def _why(text: str) -> str:
    """What is wrong with a file, and the cure, of what Keras says of it."""
    first = " ".join(text.split())[:200]
    if LAMBDA in text and "safe_mode" in text:
        return (
            "it has a Lambda, Python code that loading would run, which is refused; build it "
            "without, with layers of Keras, and save it again"
        )
    if "custom_objects" in text or "Could not locate" in text:
        return (
            "it has classes of your own; load it by keras.saving.load_model(path, "
            f"custom_objects={{...}}), and give the model; Keras says: {first}"
        )
    return f"Keras cannot read it; save the model again; Keras says: {first}"
