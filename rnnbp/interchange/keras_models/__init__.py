"""Internal: models of Keras 3, to and from."""
