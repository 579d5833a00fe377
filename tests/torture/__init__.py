"""Break the gateway on purpose and count what became of every movement: `make torture`."""
