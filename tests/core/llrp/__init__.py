"""LLRP as pure values and tables."""
