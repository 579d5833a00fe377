"""A dock door to test against: units move on a timeline, readers and scanners on real wires tell of it.

scenario   a YAML file: the dock, the units, what happens when, and what the gateway should make of it
units      names of units -> tags and labels, fresh ones for every round
walks      who is where when
radio      a walk -> what each antenna reads of it
script     scenario -> acts: every read and scan with its moment, and the movements to expect
ledger     the movements that must come against those that came
dock       the readers and scanners themselves, and the gateway configuration that fits them
gateway    `edgegw run` as a process, as its users run it
tied       starts a program that ends with the one that started it
"""

from simulators.dock_door.dock import DockDoor
from simulators.dock_door.gateway import Gateway
from simulators.dock_door.ledger import Ledger, movement
from simulators.dock_door.scenario import Scenario, load_scenario
from simulators.dock_door.script import Act, Expected, acts

__all__ = ["Act", "DockDoor", "Expected", "Gateway", "Ledger", "Scenario", "acts", "load_scenario", "movement"]
