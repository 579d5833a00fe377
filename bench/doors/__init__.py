"""How well doors decide, on labelled tracks, next to simple rules, another gateway's rule and a trained model.

track        a labelled track: what was read when, and what really happened
recorded     tracks of real portals, from files
simulated    tracks of the simulated dock, from a seed
gateway      what edgegw decides: the pipeline of `edgegw replay`
passes       reads of one tag, as long as it is in view
rules        what simple rules decide, and EdgeX
boosted      what XGBoost decides that has learned at other sites
score        decisions against the truth
runner       every method on every track, on all processors
pools        tracks that are counted together
targets      what doors should reach
report       tables for the screen
files        JSON, Markdown
chart        the picture
"""
