"""The character model: bytes in, logits of the next byte out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from rnnbp.cli.architecture import Architecture
from rnnbp.cli.errors import CommandError
from rnnbp.graph.sequential import Sequential
from rnnbp.storage import JSON, load_tensors
from rnnbp.train.assigning import assign
from rnnbp.train.given_weights import check_no_snapshot
from rnnbp.train.misfits import check_shapes

OTHERS = (
    "; rnnbp sample steps forward through what rnnbp train has written, and a model of your own, "
    "or one that reads in both directions, is loaded in Python: rnnbp.load_weights, rnnbp.predict"
)
"""The cure for a file of another model."""
MODEL_NAME = "model.safetensors"


def model_file(path: Path) -> Path:
    """The file of weights of a run's folder, or the path itself."""
    return path / MODEL_NAME if path.is_dir() else path


def load_model(path: Path) -> Sequential:
    """The model of a run's folder or of a file.

    Raises CommandError or StorageError if it cannot be loaded.
    """
    file = model_file(path)
    if path.is_dir() and not file.exists():
        raise CommandError(
            f"{path} has no {MODEL_NAME}; name a folder that rnnbp train has finished or stopped in"
        )
    arrays, metadata = load_tensors(file)
    described, cure = _described(metadata), ""
    try:
        check_no_snapshot(file, metadata)
        cure = OTHERS * (described.get("kind") != Architecture.kind)
        architecture = Architecture.from_dict(described)
        place = f"load_weights from {file}"
        check_shapes(place, architecture.shapes(), {name: a.shape for name, a in arrays.items()})
        model = architecture.build()
        assign(place, model.params, arrays)
    except (TypeError, ValueError) as error:
        raise CommandError(f"{file} is not a model for this command: {error}{cure}") from None
    return model


def _described(metadata: Mapping[str, JSON]) -> Mapping[str, JSON]:
    """The architecture in a file's metadata; empty if they are not a character model's."""
    description = metadata.get("description")
    found = description.get("architecture") if isinstance(description, dict) else None
    return found if isinstance(found, dict) else {}
