"""Training: sources of batches, the loop, snapshots that resume bit for bit, weights as files.

Each name has its own help, as ``help(rnnbp.train.fit)``; all but Batch and Event are in ``rnnbp``
itself too.

The loop
    fit, Trainer               training in one call; an object that keeps optimiser and settings
    evaluate, predict          loss and metrics; outputs, in evaluation mode
    History, Event             what fit returns; what callbacks get
    save_weights, load_weights safetensors files, those of PyTorch too
Sources of batches, batch-first
    Sequences                  (N, T, ...), of one length or padded; a target a step, or one each
    Windows                    long recordings in windows that hand on the state
    Examples                   (N, ...) without time
    Batches                    those of a loader, or of any iterable
    Source, Batch              a source of your own, and what it yields

>>> import numpy as np, rnnbp as rb
>>> x, y = np.zeros((8, 5, 3), "f4"), np.zeros(8, int)  # a class for each of 8 sequences
>>> model = rb.Sequential(rb.GRU(3, 4), rb.Dense(4, 2))
>>> data, loss = rb.Sequences(x, y, last=True, batch_size=4), rb.losses.CrossEntropy()
>>> len(rb.fit(model, data, loss, "adam", learning_rate=1e-2, epochs=2).losses)
4
"""

from typing import TYPE_CHECKING

from rnnbp.support.helping import names_of
from rnnbp.train.batches import Batches
from rnnbp.train.data import Sequences
from rnnbp.train.evaluation import evaluate
from rnnbp.train.event import Event
from rnnbp.train.examples import Examples
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

__dir__ = names_of(__all__)

if not TYPE_CHECKING:  # type checkers read __all__
    __getattr__ = refusing("rnnbp.train", __all__)
