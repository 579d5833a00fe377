"""Reads at a dock door -> a movement, or the reason why not.

A pass is one *episode* per unit: it opens with the first read and gathers what each side saw and when. It is weighed
when the unit was silent for `quiet_s`, or `quiet_s` after it seems to have crossed and has gone away on the far
side; what stays near the door gets twice as long, for it may come back. A unit that stays in view for longer than
`max_open_s` lets go of the older half of its reads. The evidence, from the strongest to the weakest:

    movement      the evidence
    crossed       the two sides saw it one after the other (`order`), and clearly
    load          it was there when its load crossed, and its reads fit that load (`load`)
    memory        only one side saw it, and it was last known to be on the other (`known`)
    visit         the same; it had come to the door on the other side and vanished: it crossed then
    beam          its reads do not say which way it went, or say it wrongly, and the photo-eyes do (`beam`)

    no movement   the evidence
    one-side      only one side saw it: it passed by, or stands there
    turned-back   both sides saw it, and it was last seen where it was first seen
    no-order      both sides saw it at about the same time, or its own habits explain its reads as well
    steady        its signal does not wander: it lies still (`steady`; what still means is learned at each door)
    parked        still in view when max_open_s had passed, and not crossed
    weak          fainter than what crosses here (`level`): it passed elsewhere
    vetoed-by-load most of the units around it did not cross
    no-beam       it seems to have crossed, and the photo-eyes saw nothing go through (`beam`)
    blind         only one side saw it, and the other one could see nothing at that time: nobody knows
    other-door    a neighbouring door has reported the same pass (`edgegw.core.pipeline`)

What the rest of the dock saw of a unit (a scan within a place, another door) tells each door on which side it is;
that alone makes no movement, and one read on the other side does not either. With `early`, what has come to the far
side and is heard there alone for a second is decided, without waiting for it to go away.

A read that belongs to an episode already decided is `late`: counted, never weighed again.
Memory: at most MAX_OPEN units in view at about 5 kB, MAX_KNOWN remembered at about 1 kB.

Nothing is learned before the first reads, so there is no time of learning at the start: until enough tags have been
lying at a door, nothing that wanders by more than 0.8 dB counts as lying, or by 0.4 of what crosses there.

Where what is found: `door` composes (reads come in, time decides; what the dock asks, what the journal keeps); `view`
has the units in view; `weighing` says when a unit or a load is weighed, `vote` who crossed with a load, `lineup` who
seems to cross at the same time; `ending` how an episode ends for one unit, `verdict` makes the movement or the reason
with its numbers. `judge` holds a unit's reads against its habits, `order` looks at its reads alone; `episode` is its
reads in view, `glimpse` those of one side in one moment; `known` is what is remembered of it, `steady` how its signal
wanders; `load`, `level` and `beam` are what the load, the site and the photo-eyes know; `saved` is all this as text.
"""

from edgegw.core.door.door import MAX_OPEN, Door
from edgegw.core.door.known import MAX_KNOWN
from edgegw.core.door.settings import DoorSettings

__all__ = ["MAX_KNOWN", "MAX_OPEN", "Door", "DoorSettings"]
