"""Objects of PyTorch where one of this library is expected: what to build in their place."""

from __future__ import annotations

from rnnbp.wording.attributes import CALLED, INSTEAD, public

READ = "read its weights by rnnbp.load_weights(model, net.state_dict(), rename='torch')"
CONVERT = "convert it by rnnbp.interchange.from_torch(module), or build it"
RECURRENT = ("LSTM", "GRU", "RNN")
SAME = ("Tanh", "Sigmoid", "ReLU", "LeakyReLU", "ELU", "GELU", "Softplus", "Identity", "Flatten")
"""Modules of the same name here, that need no argument."""
LONGEST = 300
"""Characters of a model that an error builds."""


def torch_class(value: object) -> str:
    """The name of the first class of PyTorch's that an object or class is of, or ""."""
    return next(iter(_kinds(value)), "")


def instead_of_torch(value: object) -> str:
    """As "PyTorch's Linear; build it as rnnbp.Dense(6, 4), ...", or "" for any other object."""
    name = torch_class(value)
    if not name:
        return ""
    own = value.__name__ if isinstance(value, type) else type(value).__name__
    whose = f"PyTorch's {own}" if own == name else f"{own}, a {name} of PyTorch's"
    if "Module" in _kinds(value) and not isinstance(value, type):
        built = module_code(value)
        if not built and name != "Module" and (way := _way(name)):
            return f"{whose}; {way}"
        if not built or len(built) > LONGEST:
            return f"{whose}; {CONVERT} of layers of rnnbp, in a rnnbp.Sequential, and {READ}"
        return f"{whose}; {CONVERT} as {built}, and {READ}"
    if "Optimizer" in _kinds(value):
        return f"{whose}; give {_optimizer(name, value)}"
    way = _way(name)
    return f"{whose}; {way}" if way else whose


def _way(name: str) -> str:
    """What there is in place of a class of this name; ""."""
    if name in CALLED:
        return f"give rnnbp.{CALLED[name]}"
    return INSTEAD.get(name, "").format(name=name)


def _kinds(value: object) -> list[str]:
    """The names of the classes of PyTorch's that an object or class is of, its own first."""
    kinds = value.__mro__ if isinstance(value, type) else type(value).__mro__
    return [kind.__name__ for kind in kinds if kind.__module__.partition(".")[0] == "torch"]


def _optimizer(name: str, value: object) -> str:
    groups = getattr(value, "param_groups", None)
    rate = groups[0].get("lr") if isinstance(groups, list) and groups else None
    if name not in public("rnnbp.optim"):
        return "one of rnnbp.optim, as rnnbp.optim.AdamW(model)"
    given = f", learning_rate={rate!r}" if type(rate) is float else ""
    return f"rnnbp.optim.{name}(model{given})"


def module_code(module: object, name: str = "") -> str:
    """The line that builds a module of PyTorch's here, ``...`` for what is not known; or ""."""
    called = f", name={name!r}" if name and not name.isdecimal() else ""
    kind = torch_class(module)
    if kind in RECURRENT:
        return _recurrent(module, kind, called)
    if kind in SAME:
        return f"rnnbp.{kind}()"
    bias = ", bias=False" if getattr(module, "bias", None) is None else ""
    match kind:
        case "Linear":
            return f"rnnbp.Dense({_of(module, 'in_features', 'out_features')}{bias}{called})"
        case "Embedding":
            sizes = _of(module, "num_embeddings", "embedding_dim")
            return f"rnnbp.Embedding({sizes}{called})"
        case "LayerNorm":
            size = _of(module, "normalized_shape").strip("()").rstrip(",")
            return f"rnnbp.LayerNorm({size}{called})" if size.isdecimal() else ""
        case "Dropout":
            return f"rnnbp.Dropout({_of(module, 'p')})"
    children: dict[str, object] = vars(module).get("_modules") or {}
    if not children or kind not in ("Module", "Sequential", "ModuleList", "DataParallel"):
        return ""
    if kind == "DataParallel":
        return module_code(next(iter(children.values())), name)
    inside = [module_code(child, key) or "..." for key, child in children.items()]
    return f"rnnbp.Sequential({', '.join(inside)}{called})"


def _recurrent(module: object, kind: str, called: str) -> str:
    """One with several layers is a Sequential, a layer of both directions a Bidirectional."""
    both = bool(getattr(module, "bidirectional", False))
    projection = getattr(module, "proj_size", 0)
    more = f", projection={projection}" if projection else ""
    more += "" if getattr(module, "bias", True) else ", bias=False"
    if kind == "RNN" and getattr(module, "nonlinearity", "tanh") != "tanh":
        more += ", activation='relu'"
    layers = int(_of(module, "num_layers"))
    features, units = _of(module, "input_size"), _of(module, "hidden_size")
    above = (1 + both) * (int(projection) or int(units))
    each = [f"rnnbp.{kind}({above if k else features}, {units}{more})" for k in range(layers)]
    if both:
        each = [f"rnnbp.Bidirectional({one}, {one})" for one in each]
    if layers == 1:
        return f"{each[0][:-1]}{called})"
    rate = getattr(module, "dropout", 0)
    between = f", rnnbp.Dropout({rate}), " if rate else ", "
    return f"rnnbp.Sequential({between.join(each)}{called})"


def _of(module: object, *names: str) -> str:
    return ", ".join(str(getattr(module, name)) for name in names)
