"""Digests of what the library computes: ``python -m tests.corpus --help``."""
