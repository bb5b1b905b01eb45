"""Training: sources of batches, the loop, snapshots that resume bit for bit, weights as files."""

from typing import TYPE_CHECKING

from rnnbp.train.batches import Batches
from rnnbp.train.data import Examples, Sequences
from rnnbp.train.evaluation import evaluate
from rnnbp.train.event import Event
from rnnbp.train.fitting import fit
from rnnbp.train.history import History
from rnnbp.train.loop import Trainer
from rnnbp.train.prediction import predict
from rnnbp.train.source import Batch, Source
from rnnbp.train.weights import load_weights, save_weights
from rnnbp.train.windows import Windows
from rnnbp.wording.attributes import refusing

__all__ = [
    "Batch",
    "Batches",
    "Event",
    "Examples",
    "History",
    "Sequences",
    "Source",
    "Trainer",
    "Windows",
    "evaluate",
    "fit",
    "load_weights",
    "predict",
    "save_weights",
]

if not TYPE_CHECKING:  # type checkers read __all__
    __getattr__ = refusing("rnnbp.train", __all__)
