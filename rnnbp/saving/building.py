"""A model built from the description and the arrays of a file."""

from __future__ import annotations

from collections.abc import Mapping

from rnnbp.graph.network import Network
from rnnbp.layers.base import Layer
from rnnbp.layers.params import LayerParams
from rnnbp.numerics import Array, StorageError, escaped
from rnnbp.saving.blocks import Part, count, most_nodes, params_of
from rnnbp.saving.constants import decoded
from rnnbp.saving.containers import CONTAINERS
from rnnbp.saving.makers import check_known, fill
from rnnbp.saving.own_layers import LayerMaker, made_anew
from rnnbp.saving.parts import check_arrays, constants_of, names_of, parts_of
from rnnbp.saving.table import NAMED
from rnnbp.storage import Fields

LONGEST = 300
"""Characters of an error that a part's constructor raised, in that of the file."""


class Builder:
    """Builds the parts of a file one after the other.

    Args:
        arrays: those of the file, which become the parameters.
        about: the description.
        layers: what builds each layer of the user's own, by name.

    Raises StorageError for a description that does not fit the arrays, ValueError for layers of
    the user's own that are missing, or parameters that are not finite.
    """

    def __init__(
        self, arrays: dict[str, Array], about: Fields, layers: Mapping[str, LayerMaker]
    ) -> None:
        self.about, self.layers, self.arrays = about, layers, arrays
        self.parts = parts_of(about)
        own = [part.text("own") for part in self.parts if "own" in part.values]
        check_known(about.path, own, layers)
        self.constants = constants_of(about, arrays)
        check_arrays(about, self.parts, arrays)
        self.built, self.nodes = list[Part](), 0
        self.used, self.own = set[str](), set[int]()

    def model(self) -> Layer | Network:
        """The last part. Raises as the class does, and what the user's layers raise."""
        for fields in self.parts:
            params, options = self._params(fields), self._options(fields)
            build = self._own if "own" in fields.values else self._part
            self.built.append(build(fields, options, params))
            self.used.update(names_of(fields).values())
        found = self.built[-1]
        if not isinstance(found, Layer | Network):
            self.about.refuse("its last part is no model")
        return found

    def _part(self, fields: Fields, options: dict[str, object], params: LayerParams | None) -> Part:
        try:
            return self._of_the_library(fields, options, params)
        except StorageError:
            raise
        except (TypeError, ValueError, ArithmeticError, LookupError, MemoryError) as error:
            fields.refuse(f"{fields.where}: {escaped(str(error), LONGEST)}")

    def _of_the_library(
        self, fields: Fields, options: dict[str, object], params: LayerParams | None
    ) -> Part:
        kind = fields.text("kind")
        if (build := CONTAINERS.get(kind)) is not None:
            self._count(fields)
            return build(fields, self.built, params)
        layer = NAMED[kind].build(options, params or {})
        if layer.params.keys() != (params or {}).keys():
            fields.refuse(f"it has other parameters than {', '.join(layer.params)}")
        if params is not None:
            layer.params.update(params)  # which checks shapes
            vars(layer)["_params"] = params
        return layer

    def _own(self, fields: Fields, options: dict[str, object], params: LayerParams | None) -> Layer:
        """A layer of the user's own. Parameters are written into its arrays, which parts of it may
        know."""
        name, given = fields.text("own"), params if params is not None else LayerParams()
        place = f"load from {self.about.path}: layers[{name!r}]"
        layer = made_anew(place, self.layers[name], options, given.shapes)
        if id(layer) in self.own:
            raise ValueError(f"{place} returned one layer twice; return a new one for each call")
        self.own.add(id(layer))
        fill(layer, names_of(fields), self.arrays, self.used)
        if not fields.missing("params_of"):
            vars(layer)["_params"] = given
        return layer

    def _params(self, fields: Fields) -> LayerParams | None:
        """The parameters that a part has itself, which may be those of a part before it."""
        if fields.missing("params_of"):
            named = {key: self.arrays[path] for key, path in names_of(fields).items()}
            return LayerParams(named) if named else None
        k = fields.whole("params_of", most=len(self.built) - 1)
        found = params_of(self.built[k])
        if found is None:
            fields.refuse(f"{fields.where} has the parameters of part {k}, which has none")
        return found

    def _options(self, fields: Fields) -> dict[str, object]:
        if fields.missing("options"):
            return {}
        given = fields.fields("options").values
        try:
            return {name: decoded(value, self.constants) for name, value in given.items()}
        except ValueError as error:
            fields.refuse(f"{fields.where}: {error}")

    def _count(self, fields: Fields) -> None:
        """Raise StorageError where a graph would have too many nodes together with those before."""
        blocks = (
            [] if fields.missing("blocks") else fields.wholes("blocks", most=len(self.built) - 1)
        )
        nodes = [] if fields.missing("nodes") else fields.wholes("nodes")
        self.nodes += sum([count(self.built[k]) or 1 for k in blocks]) + len(nodes) // 2
        if self.nodes > (most := most_nodes(len(self.parts))):
            self.about.refuse(f"its graphs have more than {most} nodes")
