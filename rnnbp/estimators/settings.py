"""The parameters of estimators, checked when they are fitted, as scikit-learn has it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state

from rnnbp.graph.cells import GRU, LSTM, RNN, SLSTM, IndRNN, MinGRU, MinLSTM
from rnnbp.graph.recurrent import Recurrent
from rnnbp.numerics import flag, float_dtype, positive_int, real_number, shown, whole_number
from rnnbp.planning.budget import parse_budget
from rnnbp.support.nearest import hint

CELLS: dict[str, Callable[..., Recurrent]] = {
    "lstm": LSTM,
    "gru": GRU,
    "rnn": RNN,
    "mingru": MinGRU,
    "minlstm": MinLSTM,
    "indrnn": IndRNN,
    "slstm": SLSTM,
}
"""Cells by name; all are built from features and units, and have as many outputs as units."""
SIZES = ("units", "layers", "epochs", "batch_size", "n_iter_no_change")
FLAGS = ("bidirectional", "center", "early_stopping")
COSINE = "cosine"
SCHEDULES = ("constant", COSINE)
LARGEST = 2**31 - 1


class Seeds(NamedTuple):
    """What is drawn at random in a fit."""

    weights: int
    order: int
    dropout: int
    split: int


def keep(estimator: BaseEstimator, given: Mapping[str, object]) -> None:
    """Set the parameters as attributes, as they are.

    Args:
        estimator: in its ``__init__``.
        given: the ``locals()`` there.
    """
    for name in given:
        if name != "self":
            setattr(estimator, name, given[name])


def seeds_of(random_state: object) -> Seeds:
    """Seeds from an int, from the next numbers of a RandomState, or new ones for None."""
    state = check_random_state(random_state)
    return Seeds(*(int(state.randint(LARGEST)) for _ in Seeds._fields))


def check_settings(estimator: BaseEstimator) -> None:
    """Raise TypeError or ValueError for a parameter that cannot be."""
    given = estimator.get_params(deep=False)
    name = type(estimator).__name__
    one_of(f"{name}: cell", given["cell"], CELLS)
    for size in SIZES:
        positive_int(f"{name}: {size}", given[size])
    for each in FLAGS:
        if each in given:
            flag(f"{name}: {each}", given[each])
    whole_number(f"{name}: verbose", int(given["verbose"]), least=0)
    one_of(f"{name}: schedule", given["schedule"], SCHEDULES)
    real_number(f"{name}: learning_rate", given["learning_rate"], above=0)
    real_number(f"{name}: dropout", given["dropout"], least=0, below=1)
    real_number(f"{name}: validation_fraction", given["validation_fraction"], above=0, below=1)
    if given["clip_norm"] is not None:
        real_number(f"{name}: clip_norm", given["clip_norm"], above=0, cure="None for no limit")
    if given["memory"] is not None:
        parse_budget(given["memory"], f"{name}: memory")
    float_dtype(given["dtype"])


def one_of(what: str, given: object, known: Collection[str]) -> None:
    """Raise ValueError unless ``given`` is one of the known names."""
    if not isinstance(given, str) or given not in known:
        raise ValueError(
            f"{what} must be one of {', '.join(map(repr, known))}, found {shown(given)}"
            f"{hint(given, known)}"
        )
