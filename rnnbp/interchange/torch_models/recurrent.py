"""RNN, LSTM and GRU of PyTorch as recurrent layers, and what stands in place of their cells."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from rnnbp.graph.cells import GRU, LSTM, RNN, Bidirectional
from rnnbp.graph.recurrent import Recurrent
from rnnbp.graph.sequential import Item, Sequential
from rnnbp.interchange.torch_models.site import Site, kind_of
from rnnbp.layers import Dropout

Layered = Recurrent | Bidirectional
"""A level of ``num_layers``, of one direction or both."""
CELLS: Mapping[str, Callable[..., Recurrent]] = {"LSTM": LSTM, "GRU": GRU, "RNN": RNN}


def recurrent(site: Site) -> Item:
    """A level for each of ``num_layers``, with Dropout between; one alone is no Sequential."""
    m = site.module
    if m.mode.startswith("RNN") and m.nonlinearity not in ("tanh", "relu"):
        raise site.refused(f"has nonlinearity={m.nonlinearity!r}", "give it 'tanh' or 'relu'")
    if m.num_layers == 1:
        return _level(site, m.input_size, site.name)
    if m.dropout >= 1:
        raise site.refused("has dropout=1 between its layers", "give it less than 1")
    width = (m.proj_size or m.hidden_size) * (1 + m.bidirectional)
    blocks: list[Item] = [_level(site, m.input_size, None)]
    for _ in range(m.num_layers - 1):
        blocks += [Dropout(m.dropout)] * bool(m.dropout) + [_level(site, width, None)]
    return Sequential(*blocks, name=site.name)


def _level(site: Site, n_in: int, name: str | None) -> Layered:
    m = site.module
    one = partial(CELLS[kind_of(m)], n_in, m.hidden_size, bias=m.bias, **_options(site))
    if not m.bidirectional:
        return one(name=name)
    return Bidirectional(one(), one(), name=name)


def _options(site: Site) -> dict[str, object]:
    m = site.module
    found: dict[str, object] = {"dtype": site.dtype}
    found |= dict.fromkeys(("input_init", "recurrent_init", "bias_init"), 0.0)
    if m.mode == "LSTM" and m.proj_size:
        found["projection"] = m.proj_size
    if m.mode.startswith("RNN"):
        found["activation"] = m.nonlinearity
    return found


READERS: dict[str, Callable[[Site], Item]] = dict.fromkeys(CELLS, recurrent)
