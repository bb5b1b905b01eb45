"""The error of a file that describes a sweep."""

from __future__ import annotations


class ConfigError(ValueError):
    """What a TOML file says cannot be used: the place in it, what was found and the cure."""
