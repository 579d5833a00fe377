"""The tests of edgegw and of its simulators."""
