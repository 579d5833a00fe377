"""Tests of the simulators, against implementations that others wrote."""
