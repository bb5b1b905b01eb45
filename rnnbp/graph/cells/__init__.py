"""Internal: recurrent layers: cells of ordinary layers, unrolled, a module each.

Parameters of ``RNN``, ``LSTM`` and ``GRU`` are PyTorch's in name, shape and order: ``weight_ih``
(gates · n, n_in), ``weight_hh`` (gates · n, n), ``bias_ih`` and ``bias_hh`` (gates · n,); all start
as U(±1/√n). Other cells have the same names where they have the same parts.
"""

from rnnbp.graph.attention import Attention
from rnnbp.graph.cells.bidirectional import Bidirectional
from rnnbp.graph.cells.gru import GRU
from rnnbp.graph.cells.ind_rnn import IndRNN
from rnnbp.graph.cells.lru import LRU
from rnnbp.graph.cells.lstm import LSTM
from rnnbp.graph.cells.minimal import MinGRU, MinLSTM
from rnnbp.graph.cells.projections import Options
from rnnbp.graph.cells.rnn import RNN
from rnnbp.graph.cells.slstm import SLSTM

__all__ = [
    "GRU",
    "LRU",
    "LSTM",
    "RNN",
    "SLSTM",
    "Attention",
    "Bidirectional",
    "IndRNN",
    "MinGRU",
    "MinLSTM",
    "Options",
]
