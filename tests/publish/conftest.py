"""Fixtures that more than one test module here uses."""

from tests.mosquitto import mosquitto

__all__ = ["mosquitto"]
