"""edgegw: the gateway between RFID readers and scanners at a dock and the systems that track every unit."""

__version__ = "0.1.0"
