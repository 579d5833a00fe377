"""The configuration: what is accepted, and how every fault is told."""
