"""Internal: runs a Recurrent node by node; the oracle of the other runners."""
