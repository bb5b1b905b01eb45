"""Names of layers of Keras, and which of them hand on a series."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rnnbp.graph.cells import Bidirectional
from rnnbp.graph.over_time import Last
from rnnbp.graph.recurrent import Recurrent
from rnnbp.interchange.keras_models.ends import Ends
from rnnbp.interchange.keras_models.pieces import Activated, Named, Piece


class Names:
    """Names of layers of one model, each of which Keras wants to be a different one."""

    def __init__(self, pieces: Sequence[Named]) -> None:
        self.taken = {_plain(named.name) for named in pieces if named.name}
        self.given = set[str]()

    def of(self, piece: Piece, name: str | None) -> str:
        """The name of a piece, as Keras takes it; a free one if it has none, or comes again."""
        found = _plain(name or "")
        if not found or found in self.given:
            return self.free(piece)
        self.given.add(found)
        return found

    def free(self, what: object) -> str:
        """As "dense_1", for a layer without a name."""
        kind = what if isinstance(what, str) else _kind(what)
        numbers = iter(range(len(self.taken) + 1))
        name = next(n for k in numbers if (n := f"{kind}_{k}") not in self.taken)
        self.taken.add(name)
        return name


def _plain(name: str) -> str:
    """A name without what separates names, in Keras and in paths."""
    return name.replace("/", "_").replace(".", "_")


def _kind(piece: object) -> str:
    """The first part of the name of a piece without one."""
    block = piece.block if isinstance(piece, Ends) else piece
    if isinstance(block, Recurrent) and block.cell.made is not None:
        return block.cell.made.kind.lower()
    return "activation" if isinstance(block, Activated) else type(block).__name__.lower()


def with_ends(pieces: Sequence[Named]) -> Iterator[tuple[Piece, str | None, bool]]:
    """Pieces, names, and whether a recurrent one hands on a series: not if a Last follows, which
    is then left out.
    """
    recurrent = False
    for k, (piece, name) in enumerate(pieces):
        last = k + 1 < len(pieces) and isinstance(pieces[k + 1].piece, Last)
        if not (recurrent and isinstance(piece, Last)):
            yield piece, name, not last
        recurrent = isinstance(piece, Recurrent | Bidirectional)
