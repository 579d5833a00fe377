"""The journal: the one file where every event is safe before anybody hears of it.

`journal` is what the program talks to; `group` is what waits for one commit; `epochs` numbers events; `connection` is
the only module that knows aiosqlite; `ownership`, `opening`, `damage`, `migrate` and `trouble` get a file into service
or say why not; `retention` forgets what was delivered, `space` lives with a full disk; `summary` and `decisions` look
from outside, read-only.
"""
