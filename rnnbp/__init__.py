"""rnnbp: recurrent networks on CPUs, by backpropagation through time within a memory budget."""
