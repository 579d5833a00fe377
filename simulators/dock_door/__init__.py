"""A dock door to test against: units move, readers and scanners on real wires or recordings tell of it.

Who is where, and what is read of it; everything is drawn from a seed:

walks          a tag's way
antennas       where antennas hang, and what they gain in each direction
bands          the channels of a reader
tags           how well a tag answers, and where on its load it sits
radio          what a tag gets of an antenna: direct path, floor, scatterers, wall
inventory      readers at work: rounds, antennas, channels, sessions -> reads

In real time, on real wires, from a file that also says what the gateway should make of it:

scenario       a YAML file: the dock, the units, what happens when, and what to expect
units          names of units -> tags and labels, fresh ones for every round
script         scenario -> acts: every read and scan with its moment, and the movements to expect
ledger         the movements that must come against those that came
dock           the readers and scanners themselves
settings       the gateway configuration that fits them
gateway        `edgegw run` as a process, as its users run it
tied           starts a program that ends with the one that started it

Labelled recordings (`python -m simulators.dock_door --help`):

suite          the situations: seed -> track
shift          who goes where when, until it is recorded
site           docks to record at
tracks         a recording with the truth about it, and its files
disturbances   what clocks and networks do to a recording
live           a track played by simulated readers to a gateway
fidelity       the simulated dock next to what real ones were measured to do
"""

from simulators.dock_door.dock import DockDoor
from simulators.dock_door.gateway import Gateway
from simulators.dock_door.ledger import Ledger, movement
from simulators.dock_door.scenario import Scenario, load_scenario
from simulators.dock_door.script import Act, Expected, acts

__all__ = ["Act", "DockDoor", "Expected", "Gateway", "Ledger", "Scenario", "acts", "load_scenario", "movement"]
