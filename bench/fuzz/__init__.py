"""Hostile bytes at every door: does each cost a value, a counter or a sentence, and nothing more?

    python -m bench.fuzz                              100,000 LLRP frames, scans and configurations each, 20,000 scans
                                                      over a pty and over TCP, commands and acknowledgements over MQTT,
                                                      2,000 LLRP frames and 2,000 whole conversations over TCP
    python -m bench.fuzz --count 5000 --only frames --seed 7

Inputs are mutations of valid ones: what the simulated readers of every make and a real R420 say, scans of every kind,
the shipped configurations, commands, acknowledgements, the packets of a broker. Prints one line a part; exit 1 when
anything raised, a single input took longer than the limit, memory grew, or something valid between hostile inputs did
not arrive.
"""

from __future__ import annotations
