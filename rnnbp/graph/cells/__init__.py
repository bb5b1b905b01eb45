"""Internal: RNN, LSTM, GRU: cells of ordinary layers, unrolled, a module each.

Parameters are PyTorch's in name, shape and order: ``weight_ih`` (gates · n, n_in), ``weight_hh``
(gates · n, n), ``bias_ih`` and ``bias_hh`` (gates · n,); all start as U(±1/√n).
"""

from rnnbp.graph.cells.gru import GRU
from rnnbp.graph.cells.lstm import LSTM
from rnnbp.graph.cells.projections import Options
from rnnbp.graph.cells.rnn import RNN

__all__ = ["GRU", "LSTM", "RNN", "Options"]
