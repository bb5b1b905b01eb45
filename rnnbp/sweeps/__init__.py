"""Internal: networks over time, cut into sweeps and static stages that run one after the other."""

from rnnbp.bptt.networks import install
from rnnbp.sweeps.engine import SweptNetworks

__all__ = ["SweptNetworks"]

install(SweptNetworks())
