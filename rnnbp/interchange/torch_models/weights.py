"""Weights of PyTorch, from a state dict or a file, into a model that is there."""

from __future__ import annotations

from collections.abc import Mapping

from rnnbp.interchange.torch_models.ties import untied
from rnnbp.interchange.torch_models.weight_table import LoadedWeights, WeightRow
from rnnbp.numerics import flag
from rnnbp.parameters import HasParams
from rnnbp.storage import bfloat16_names
from rnnbp.train.given_weights import Weights, given_weights
from rnnbp.train.renaming import Rename, renamed_arrays
from rnnbp.train.weights import check_model, read_weights
from rnnbp.wording.arguments import takes

CALLER = "load_torch_weights"


@takes()
def load_torch_weights(
    model: HasParams, given: Weights, *, rename: Rename | None = None, strict: bool = True
) -> LoadedWeights:
    """Read a state dict, or a safetensors file of PyTorch, into the parameters of a model.

    As ``load_weights(..., rename="torch")``, whose help says which paths the names of PyTorch are
    read into, with a table and names of your own.

    Args:
        model: the model, whose parameters are written in place.
        given: ``net.state_dict()``, a dict of arrays, or the path of a safetensors file. float16,
            bfloat16, float32 and float64 are rounded to the model's dtype.
        rename: for weights that have other names: a dict or a function from the names that are
            given to those of PyTorch or of the model, None for one to be left out. A name that a
            dict does not have stays.
        strict: False leaves parameters that are not given as they are, and what the model does not
            have unread, with a UserWarning that lists both.

    Of weights that layers share, a state dict has each name, with equal numbers: the first counts.

    Returns:
        A LoadedWeights: iterating it, one row for each parameter that was read, of the name that
        it was given under (``theirs``), ``shape``, ``dtype`` as given, and its path (``ours``). Its
        repr is a table.

    Raises ValueError for names that are missing or left over and shapes that differ, all listed
    with a ``rename`` to try, and for NaN or infinite weights; StorageError for a file that is cut
    short or of another format: a pickle, as ``torch.save`` writes, is refused and never run, give
    ``torch.load(path, weights_only=True)``. Nothing changes then.

    >>> import numpy as np, rnnbp as rb
    >>> model = rb.Sequential(rb.GRU(2, 3, name="rnn"), rb.Dense(3, 1, bias=False, name="head"))
    >>> state = {"rnn.weight_ih_l0": np.ones((9, 2)), "rnn.weight_hh_l0": np.ones((9, 3))}
    >>> state |= {"rnn.bias_ih_l0": np.ones(9), "rnn.bias_hh_l0": np.ones(9)}
    >>> state |= {"classifier.weight": np.ones((1, 3), "float16")}
    >>> rename = {"classifier.weight": "head.weight"}
    >>> rb.interchange.load_torch_weights(model, state, rename=rename)
    rnn.weight_ih_l0   9×2  float64  ->  rnn.weight_ih
    rnn.bias_ih_l0     9    float64  ->  rnn.bias_ih
    rnn.weight_hh_l0   9×3  float64  ->  rnn.weight_hh
    rnn.bias_hh_l0     9    float64  ->  rnn.bias_hh
    classifier.weight  1×3  float16  ->  head.weight
    """
    check_model(CALLER, model)
    full = flag(f"{CALLER}: strict", strict)
    read = given_weights(given, CALLER)
    own = None if rename == "torch" else rename
    renamed = renamed_arrays(read.place, read.arrays, own, read.whose)
    named = read._replace(arrays=untied(read.place, model, renamed))
    origin = read_weights(model, named, "torch", strict=full, first=read.arrays)
    params, dtypes = model.params, _dtypes(given, read.arrays)
    rows = [
        WeightRow(origin[path], params[path].shape, dtypes[origin[path]], path)
        for path in params
        if path in origin
    ]
    left = [path for path in params if path not in origin]
    again = {id(renamed[name]) for name in renamed.keys() - named.arrays.keys()}
    used = {*origin.values(), *(name for name, a in read.arrays.items() if id(a) in again)}
    unread = [name for name in read.arrays if name not in used]
    return LoadedWeights(tuple(rows), tuple(left), tuple(unread))


def _dtypes(given: Weights, arrays: Mapping[str, object]) -> dict[str, str]:
    """By name the dtype of each array as it was given, before bfloat16 became float32."""
    if isinstance(given, Mapping):
        values: Mapping[str, object] = given
        return {name: _dtype(values[name]) for name in arrays}
    found = {name: _dtype(array) for name, array in arrays.items()}
    return found | dict.fromkeys(bfloat16_names(given), "bfloat16")


def _dtype(value: object) -> str:
    return str(getattr(value, "dtype", type(value).__name__)).removeprefix("torch.")
