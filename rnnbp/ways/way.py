"""What to do instead of passing an argument: a place, names and a text."""

from __future__ import annotations

from dataclasses import dataclass

HERE = "help('rnnbp.missing') has the lines"
BUILT_IN = "LSTM GRU RNN MinGRU MinLSTM IndRNN SLSTM LRU"
"""The functions of ``graph.cells``: advice on arguments is for all of them."""
CELLS = f"{BUILT_IN} Recurrent Cell"
RUNS = "bptt predict evaluate backprop plan forecast check_grads calibrate sweep"
TRAINING = "fit Trainer"
SOURCES = "Sequences Windows Examples Batches"
LAYERS = "Dense Conv1D Conv2D Embedding LayerNorm OneHot"
LOSSES = "CrossEntropy BinaryCrossEntropy MeanSquaredError MeanAbsoluteError Huber Quantile"
OPTIMIZERS = "SGD Adagrad RMSProp Adam AdamW"
EVERYWHERE = f"{CELLS} {RUNS} {TRAINING} {SOURCES} {LAYERS} {OPTIMIZERS} Sequential Graph"


@dataclass(frozen=True, slots=True)
class Way:
    """What to do instead of giving ``places`` an argument of one of ``names``."""

    places: str
    names: str
    text: str
    """With {what} for the place, {name} for the argument."""


BATCH_FIRST = (
    "time comes first here, (T, B, features): give x.swapaxes(0, 1); Sequences takes data that is "
    "batch-first"
)
