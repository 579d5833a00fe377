"""What a disk may look like after a power cut: SQLite's writes are recorded, and images of the disk are made of them.

`recorder` writes down what a program in this process does to its files, SQLite's part through a tap in SQLite itself;
`disk` knows what of that is safe and what luck decides; `drive` puts an image where the program finds it.
"""

from simulators.power_cut.disk import Disk, Fate, Image, Stored
from simulators.power_cut.drive import Drive
from simulators.power_cut.recorder import Recording, Unfaithful

__all__ = ["Disk", "Drive", "Fate", "Image", "Recording", "Stored", "Unfaithful"]
