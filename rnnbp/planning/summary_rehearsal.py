"""What each node of a sweep keeps for its way back."""

from __future__ import annotations

from rnnbp.graph.recurrent import Recurrent
from rnnbp.planning.sweep_rehearsal import SweepRehearsal


class SummaryRehearsal(SweepRehearsal):
    """Chunks of a sweep, as a summary looks at them."""

    def kept(self) -> dict[int, int]:
        """Bytes of a tape by number of a node, as of a model's; inputs handed on are of none."""
        taped = self._taped([self.new(0) for _ in self.sizes.cells])
        nodes, total = self.parts.nodes, self.heap.total
        found = {node.number: 0 for node in nodes}
        makers = {k: node.number for node in reversed(nodes) for k in node.args}
        makers |= {k: node.number for node in nodes for k in node.outs}
        for k in list(taped.frontier):
            del taped.frontier[k]
            if k in makers:
                found[makers[k]] += total - self.heap.total
            total = self.heap.total
        for node in reversed(self.parts.body):
            (taped.tapes if isinstance(node.block, Recurrent) else taped.saved).pop()
            found[node.number] += total - self.heap.total
            total = self.heap.total
        return found
