"""Internal: whole models as files: what a model is made of, as JSON, and its arrays."""
