"""The parameters of a model as a file."""

from __future__ import annotations

import warnings
from collections.abc import Mapping

from rnnbp.numerics import Array, escaped, flag, shown
from rnnbp.parameters import HasParams
from rnnbp.storage import JSON, PathLike, save_tensors
from rnnbp.support.callers import outside
from rnnbp.train.assigning import assign, converted
from rnnbp.train.counterparts import check_counterparts
from rnnbp.train.given_weights import Given, Weights, given_weights
from rnnbp.train.misfits import check_names, listed
from rnnbp.train.renaming import Rename, renamed_arrays, respelled
from rnnbp.train.torch_names import from_torch, torch_names
from rnnbp.wording.arguments import takes
from rnnbp.wording.of_torch import instead_of_torch
from rnnbp.wording.renamed import warn_renamed

ELSEWHERE = (
    ".pt",
    ".pth",
    ".bin",
    ".ckpt",
    ".h5",
    ".hdf5",
    ".keras",
    ".npz",
    ".npy",
    ".pkl",
    ".pickle",
)
"""Suffixes of files in other formats than safetensors."""


@takes()
def save_weights(
    model: HasParams,
    path: PathLike,
    *old: Mapping[str, JSON],
    metadata: Mapping[str, JSON] | None = None,
    rename: Rename | None = None,
) -> None:
    """Write ``model.params`` by path as one checksummed safetensors file, atomically.

    Args:
        model: the model, whose parameters are written in their dtypes.
        path: the file, by convention ``*.safetensors``.
        old: metadata as the third argument, which is deprecated.
        metadata: a dict of your own, of what JSON can hold; ``load_weights`` returns it.
        rename: a dict or a function from the model's names to those in the file, None for a
            parameter to be left out; a name that a dict does not have stays. The dict that was
            passed to ``load_weights``, from the file's names to the model's, works too. "torch":
            PyTorch's names of recurrent layers, with ``_l0``, ``_l1``, ..., by the rule in
            ``help(rnnbp.load_weights)``; what its layers do not have, as a learned initial state,
            keeps its name.

    Raises StorageError if the file cannot be written, TypeError for metadata that is not JSON,
    ValueError if ``rename`` has a name that the model does not, or maps two names to one, and with
    "torch" for cells that PyTorch does not have, as ``GRU(reset_after=False)``. Warns of a suffix
    of other formats.

    >>> import os, tempfile, rnnbp as rb
    >>> path = os.path.join(tempfile.mkdtemp(), "net.safetensors")
    >>> rb.save_weights(rb.Sequential(rb.LSTM(3, 4)), path, metadata={"epochs": 3})
    >>> rb.load_weights(rb.Sequential(rb.LSTM(3, 4)), path)
    {'epochs': 3}

    Back to a module of PyTorch with ``self.rnn = nn.LSTM(3, 4, num_layers=2)`` and ``self.head =
    nn.Linear(4, 2)``::

        rnn = rb.Sequential(rb.LSTM(3, 4), rb.LSTM(4, 4), name="rnn")
        model = rb.Sequential(rnn, rb.Dense(4, 2, name="head"))
        # as rnn.weight_ih_l0, ..., rnn.bias_hh_l1, head.weight, head.bias
        rb.save_weights(model, "net.safetensors", rename="torch")
        net.load_state_dict(safetensors.torch.load_file("net.safetensors"))

    Layers that are not in an inner ``Sequential`` are separate modules to PyTorch:
    ``l0.weight_ih_l0``, ``l1.weight_ih_l0``.
    """
    check_model("save_weights", model)
    place = f"save_weights to {path}"
    if old:
        metadata = _positional(model, old, metadata)
    if metadata and isinstance(metadata, Mapping) and all(n in model.params for n in metadata):
        raise TypeError(
            "save_weights: the dict of parameters' names is no metadata; give it as rename="
        )
    if str(path).lower().endswith(ELSEWHERE):
        text = (
            f"{place}: it is a safetensors file whatever its ending; call it *.safetensors, so "
            "that others can tell"
        )
        warnings.warn(text, UserWarning, stacklevel=outside())
    if isinstance(rename, str) and rename == "torch":
        check_counterparts(place, model)
        rename = torch_names(model.params)
    save_tensors(path, renamed_arrays(place, model.params, rename, "the model's"), metadata or {})


def _positional(
    model: HasParams, old: tuple[Mapping[str, JSON], ...], metadata: Mapping[str, JSON] | None
) -> Mapping[str, JSON]:
    """Metadata that were passed as the third argument. Raises TypeError for others."""
    cure = "give metadata=, or rename= for other names in the file"
    if len(old) > 1 or metadata is not None:
        raise TypeError(
            f"save_weights takes a model and a path, found {len(old)} more arguments; {cure}"
        )
    if not isinstance(old[0], Mapping):
        raise TypeError(f"save_weights: the third argument is {shown(old[0])}; {cure}")
    if not old[0] or not all(name in model.params for name in old[0]):
        warn_renamed("save_weights' third argument without its name", "metadata=", outside())
    return old[0]


@takes()
def load_weights(
    model: HasParams, path: Weights, *, rename: Rename | None = None, strict: bool = True
) -> dict[str, JSON]:
    """Read the parameters of a file, or a dict of arrays, into the model's own arrays.

    A safetensors file of a different library, as PyTorch, works too. It has no checksum: names,
    shapes and that all numbers are finite are checked. Its float16, bfloat16, float32 or float64
    are rounded to the model's dtype; in a file of this library the dtypes must be equal.

    Args:
        model: the model, whose parameters are written in place.
        path: the file; or arrays or PyTorch's tensors by name, as ``net.state_dict()``.
        rename: a dict or a function from the names in the file to the model's; None for a tensor to
            be left out. A name that a dict does not have stays. The dict that was passed to
            ``save_weights``, from the model's names to the file's, works too. "torch": PyTorch's
            names, see below.
        strict: False leaves parameters that the file does not have as they are, and what only the
            file has unread, with a UserWarning that lists both.

    Returns:
        The metadata that were passed to ``save_weights``, a dict.

    Raises StorageError for a bad file, ValueError if it does not fit the model or holds NaN or
    infinities, before anything changes.

    >>> import os, tempfile, rnnbp as rb
    >>> path = os.path.join(tempfile.mkdtemp(), "net.safetensors")
    >>> old, new = (rb.Sequential(rb.GRU(3, 4), rb.Dense(4, 2)) for _ in range(2))
    >>> rb.save_weights(old, path)
    >>> rb.load_weights(new, path)
    {}
    >>> all((new.params[name] == p).all() for name, p in old.params.items())
    True

    The weights of ``net``, a module of PyTorch with ``self.rnn = nn.LSTM(3, 4)`` and ``self.head =
    nn.Linear(4, 2)``. Layers are called as its attributes::

        model = rb.Sequential(rb.LSTM(3, 4, name="rnn"), rb.Dense(4, 2, name="head"))
        rb.load_weights(model, net.state_dict(), rename="torch")  # in one process
        safetensors.torch.save_file(net.state_dict(), "net.safetensors")  # or through a file
        rb.load_weights(model, "net.safetensors", rename="torch")

    A layer with ``num_layers=2`` is an inner Sequential of two, with its name, with or without
    Dropout between them: ``rnn.weight_ih_l1`` is read into ``rnn.1.weight_ih``::

        rnn = rb.Sequential(rb.LSTM(3, 4), rb.LSTM(4, 4), name="rnn")
        model = rb.Sequential(rnn, rb.Dense(4, 2, name="head"))

    A module within a module, ``self.encoder.rnn``, is an inner Sequential too, one for each dot:
    ``rb.Sequential(rb.LSTM(3, 4, name="rnn"), name="encoder")``. What DataParallel and
    ``torch.compile`` put before all names, ``module.`` and ``_orig_mod.``, is taken off.

    ``save_weights(..., rename="torch")`` is the inverse. GRUs are PyTorch's with
    ``reset_after=True``, the default. No name says which function an ``nn.RNN`` has: for
    ``nonlinearity="relu"`` build ``rb.RNN(..., activation="relu")``.
    """
    check_model("load_weights", model)
    given = given_weights(path)
    read_weights(model, given, rename, strict=flag("load_weights: strict", strict))
    return given.metadata


def read_weights(
    model: HasParams,
    given: Given,
    rename: Rename | None,
    *,
    strict: bool,
    first: Mapping[str, Array] | None = None,
) -> dict[str, str]:
    """Write arrays into the parameters; returns by path the name that each was given under.

    Args:
        first: the arrays by the names in the file, if ``given`` has others.
    """
    place, whose, read, _, ours = given
    params: Mapping[str, Array] = model.params
    if isinstance(rename, str) and rename == "torch":
        check_counterparts(place, model, reads=True)
        rename = from_torch(params, read)
    arrays = respelled(renamed_arrays(place, read, rename, whose), params)
    names = {id(array): name for name, array in (read if first is None else first).items()}
    origin = {name: names[id(array)] for name, array in arrays.items()}
    if not strict:
        params, arrays = _shared(place, params, arrays, origin)
    if not ours or rename is not None:
        of = origin if first is None else _renamed_by_user(read, first, arrays, origin)
        check_names(place, params, arrays, of)
    if not ours:
        arrays = {
            name: converted(place, name, array, params[name].dtype)
            for name, array in arrays.items()
        }
    assign(place, params, arrays)
    return {name: origin[name] for name in arrays}


def _renamed_by_user(
    read: Mapping[str, Array],
    first: Mapping[str, Array],
    arrays: Mapping[str, Array],
    origin: Mapping[str, str],
) -> dict[str, str]:
    """Of ``origin`` what the user renamed: PyTorch's names need not stand in a ``rename`` again."""
    own = {id(array) for name, array in read.items() if first.get(name) is not array}
    return {name: origin[name] for name, array in arrays.items() if id(array) in own}


def check_model(place: str, model: object) -> None:
    """Raise TypeError unless ``model`` has parameters: it may be a path, or ``model.params``."""
    if not isinstance(getattr(model, "params", None), Mapping):
        cure = (
            "it has the parameters, give the model itself"
            if isinstance(model, Mapping)
            else "the model comes first"
        )
        found = instead_of_torch(model) or f"{shown(model)} for the model; {cure}"
        raise TypeError(f"{place} takes (model, path), found {found}")


def _shared(
    place: str, params: Mapping[str, Array], arrays: Mapping[str, Array], origin: Mapping[str, str]
) -> tuple[dict[str, Array], dict[str, Array]]:
    """The names that both have; a warning lists the others. Raises ValueError if there are none."""
    both = [name for name in params if name in arrays]
    if not both:
        check_names(place, params, arrays, origin)
    missing = [name for name in params if name not in arrays]
    unread = [escaped(origin[name], 80) for name in arrays if name not in params]
    said = [f"not in the file, and left as they are: {listed(missing)}"] * bool(missing)
    said += [f"not in the model, and not read: {listed(unread)}"] * bool(unread)
    if said:
        warnings.warn(
            f"{place}, strict=False: {'. '.join(said)}", UserWarning, stacklevel=outside()
        )
    return {name: params[name] for name in both}, {name: arrays[name] for name in both}
