"""What to do about a module of PyTorch that has no counterpart."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rnnbp.interchange.torch_models.site import class_name

if TYPE_CHECKING:
    from torch import nn

OF_CELL = (
    "its weights have the same names in a layer over time: build rnnbp.{0} of its sizes, and give "
    "rnnbp.load_weights(model, cell.state_dict())"
)
FOLD = (
    "in evaluation it is affine: fold it into the layer before it, by torch.nn.utils.fusion, or "
    "train with LayerNorm"
)
WRAPPED = "convert the module within, module.{0}"
NOT_CALLED = "it calls none of its modules: convert each, or put them into nn.Sequential"
CURES = {
    "LSTMCell": OF_CELL.format("LSTM"),
    "GRUCell": OF_CELL.format("GRU"),
    "RNNCell": OF_CELL.format("RNN"),
    "BatchNorm1d": FOLD,
    "BatchNorm2d": FOLD,
    "ModuleList": NOT_CALLED,
    "ModuleDict": NOT_CALLED,
    "DataParallel": WRAPPED.format("module"),
    "DistributedDataParallel": WRAPPED.format("module"),
    "OptimizedModule": WRAPPED.format("_orig_mod"),
    "PReLU": "a learned slope is not there; LeakyReLU has a fixed one",
    "Dropout1d": "it drops whole channels; Dropout drops elements",
    "Dropout2d": "it drops whole channels; Dropout drops elements",
    "Conv3d": "there are Conv1D and Conv2D",
}
"""By the name of the class."""
OWN = (
    "give layers={{{0}: function}}, a function from such a module to a layer of rnnbp, as "
    "lambda module: rnnbp.Identity()"
)
SHOWN = 8
"""Submodules that an error converts."""


def cure_of(path: str, module: nn.Module) -> str:
    """The cure for a module whose class is not read."""
    kind = class_name(module)
    if kind.removeprefix("nn.") in CURES:
        return CURES[kind.removeprefix("nn.")]
    if kind.startswith("nn.") or not [*module.children()]:
        return OWN.format(kind)
    return f"{_by_parts(path, module)}; or {OWN.format(kind)}"


def _by_parts(path: str, module: nn.Module) -> str:
    """The lines that convert a module of a class of one's own, submodule by submodule."""
    places = [f"[{key}]" if key.isdecimal() else f".{key}" for key in path.split(".") if key]
    whole = f"net{''.join(places)}"
    parts = [
        f"\n    rnnbp.interchange.from_torch({whole}.{name}, name={name!r}),"
        for name, part in [*module.named_children()][:SHOWN]
        if not type(part).__name__.endswith("Loss")
    ]
    return (
        "what it computes is in its forward, which is not read: convert its submodules in the "
        "order in which it calls them, with what is between, as rnnbp.Last() for y[-1]:\n"
        f"rnnbp.Sequential({''.join(parts)}\n)"
    )
