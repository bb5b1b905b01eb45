"""Models as modules of PyTorch."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING

from rnnbp.graph.cells import Bidirectional
from rnnbp.graph.graph import Graph
from rnnbp.graph.network import Network
from rnnbp.graph.over_time.base import OverTime
from rnnbp.graph.over_time.largest import MaxOverTime
from rnnbp.graph.over_time.last import Last
from rnnbp.graph.over_time.mean import MeanOverTime
from rnnbp.graph.recurrent import Recurrent
from rnnbp.graph.sequential import Item
from rnnbp.interchange.torch_models.chains import chain_of
from rnnbp.interchange.torch_models.counterparts import Build, of_graph, of_layer, of_levels
from rnnbp.interchange.torch_models.levels import level_of, levels_of
from rnnbp.interchange.torch_models.slots import every_slot
from rnnbp.layers import OneHot
from rnnbp.layers.base import Layer
from rnnbp.numerics import flag, shown
from rnnbp.support.needed import needed
from rnnbp.support.reprs import cut
from rnnbp.train.torch_names import torch_names
from rnnbp.wording.arguments import takes

if TYPE_CHECKING:
    import torch
    from torch import nn

MODULES = "rnnbp.interchange.torch_models.modules"
REDUCED: dict[type, str] = {
    Last: "LastStep",
    MeanOverTime: "MeanOfSteps",
    MaxOverTime: "LargestOfSteps",
}
CURE = (
    "ONNX has nearly all that is here, rnnbp.interchange.to_onnx(model, path); or build that part "
    "of layers that PyTorch has"
)


@takes()
def to_torch(model: Item, *, batch_first: bool = False) -> nn.Module:
    """A module of PyTorch that computes what the model does, with copies of its weights.

    Args:
        model: a layer, a recurrent layer, a Sequential, or a Graph that is a chain of layers.
        batch_first: True for a module that takes x (B, T, ...).

    Returns:
        ``nn.Linear``, ``nn.LSTM`` and so on, of a Sequential ``nn.Sequential`` with its names. One
        with a recurrent layer, a convolution, pooling, Last or the like in it is a ``Chain``, a
        subclass of it that hands on the output of recurrent modules alone, shows windows one step
        at a time, and can be pickled where this library is installed. Two or more recurrent layers
        of one kind that make up a Sequential of their own, with or without Dropout between, are
        one module with ``num_layers``, if they have no names. State dicts have the names that
        ``save_weights(..., rename="torch")`` writes, and can be loaded by a module of your own.

    Layers without a name are called by their positions. What is shared stays shared. The module
    reads whole rows, without ``lengths``.

    Raises ValueError for what PyTorch does not have, with the path of the layer: reverse without
    the other direction, peepholes, layer_norm, coupled gates, zoneout, dropout within cells,
    learned initial states, GRU(reset_after=False), cells of your own, graphs of several paths.
    ImportError without PyTorch.

    ::

        model = rb.Sequential(rb.LSTM(3, 4, name="rnn"), rb.Dense(4, 2, name="head"))
        net = rb.interchange.to_torch(model)
        list(net.state_dict())  # rnn.weight_ih_l0, ..., head.weight, head.bias
        net(torch.zeros(7, 1, 3)).shape  # (7, 1, 2)
    """
    torch = needed("torch", "torch", "to_torch")
    if not isinstance(model, Layer | Network | OverTime):
        raise TypeError(f"to_torch takes a model, found {shown(model)}; from_torch is the inverse")
    first = flag("to_torch: batch_first", batch_first)
    places = dict(every_slot(model)).values()
    dtype = str(next((owner[key].dtype for owner, key in places), "float32"))
    ours = needed(MODULES, "torch", "to_torch")
    return _Writing(torch, ours, getattr(torch, dtype), first).module(model, "")


class _Writing:
    """One conversion: the modules of layers, and the parameters of arrays, that are there."""

    def __init__(
        self, torch: ModuleType, ours: ModuleType, dtype: torch.dtype, batch_first: bool
    ) -> None:
        self.torch, self.ours, self.dtype, self.batch_first = torch, ours, dtype, batch_first
        self.modules: dict[int, nn.Module] = {}
        self.parameters: dict[int, nn.Parameter] = {}

    def module(self, block: Item, path: str) -> nn.Module:
        """The module of a block, built once however often it is met."""
        if id(block) not in self.modules:
            self.modules[id(block)] = self._built(block, path)
        return self.modules[id(block)]

    def _built(self, block: Item, path: str) -> nn.Module:
        if isinstance(block, OneHot):
            return self.ours.OneHot(block.n_symbols, self.dtype)
        if type(block) in REDUCED:
            return getattr(self.ours, REDUCED[type(block)])(self.batch_first)
        build = self._build(block, path)
        if build is None and isinstance(block, Graph) and not isinstance(block, Bidirectional):
            return self._chain(block, path)
        if build is None:
            raise ValueError(
                f"to_torch: {_at(path)}{cut(str(block))} has no counterpart in PyTorch; {CURE}"
            )
        return self._filled(build, block)

    def _build(self, block: Item, path: str) -> Build | None:
        """How the one module of a block is built; None for several, or none."""
        if isinstance(block, Recurrent | Bidirectional):
            level = level_of(block)
            if isinstance(level, str):
                raise ValueError(
                    f"to_torch: {_at(path)}{cut(str(block))} has {level}, which PyTorch does not "
                    f"have; {CURE}"
                )
            return of_levels([level], 0.0, batch_first=self.batch_first)
        if isinstance(block, Graph):
            several = levels_of(block)
            if several is None:
                return of_graph(block)
            return of_levels(*several, batch_first=self.batch_first)
        return of_layer(block) if isinstance(block, Layer) else None

    def _chain(self, block: Graph, path: str) -> nn.Module:
        chain = chain_of(block)
        modules: dict[str, nn.Module] = {}
        if chain is None:
            raise ValueError(
                f"to_torch: {_at(path)}a Graph that is no chain of layers has no module in "
                f"PyTorch (Bidirectional has one in a Sequential); {CURE}"
            )
        for k, (place, inner) in enumerate(chain):
            name = str(k) if place in modules else place
            if hasattr(self.ours.Chain(), name):
                raise ValueError(
                    f"to_torch: {_at(path)}{inner} is called as an attribute of nn.Sequential; "
                    "give it a different name="
                )
            modules[name] = self.module(inner, f"{path}.{name}" if path else name)
        return self.ours.chain(modules)

    def _filled(self, build: Build, block: Item) -> nn.Module:
        """The module of a block with its weights, built on no device: random ones are not drawn."""
        torch, places = self.torch, dict(every_slot(block, named=False))
        options = dict(build.options)
        if places:
            options |= {"dtype": self.dtype, "device": "meta"}
        module = getattr(torch.nn, build.kind)(*build.args, **options).to_empty(device="cpu")
        names = torch_names(places)
        assert {*names.values()} == {name for name, _ in module.named_parameters()}
        for path, name in names.items():
            owner, key = places[path]
            known = self.parameters.get(id(owner[key]))
            if known is None:
                known = getattr(module, name)
                known.data.copy_(torch.from_numpy(owner[key].copy()))
                self.parameters[id(owner[key])] = known
            else:
                setattr(module, name, known)
        return module


def _at(path: str) -> str:
    return f"{path}: " * bool(path)
