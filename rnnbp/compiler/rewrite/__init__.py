"""Internal: passes that rewrite code; ``rnnbp.compiler.passes`` lists them in order."""
