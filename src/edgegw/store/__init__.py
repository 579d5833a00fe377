"""The journal: the one file where every event is safe before anybody hears of it.

`journal` is what the program talks to; `group` is what waits for one commit; `connection` is the only module
that knows aiosqlite; `opening`, `migrate` and `trouble` get a file into service or say why not; `retention`
forgets what was delivered; `summary` looks from outside, read-only.
"""
