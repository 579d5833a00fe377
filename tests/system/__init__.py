"""The gateway as a whole: a process of its own, simulated devices on real wires, a real broker."""
