"""Configuration: YAML text -> frozen models, or every fault with its line and column."""

from edgegw.config.model import Config

__all__ = ["Config"]
