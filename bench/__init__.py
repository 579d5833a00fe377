"""How fast edgegw is, next to others where there are any: `make bench`, README.md says how.

table       one line for each figure, and the table of them all
rounds      contenders in turn, medians
measures    which measures there are, each in a process of its own
compare     two revisions in turn: is the newer one slower?
chart       the picture
figures     docs/bench-figures.md
machine     on what it was measured

decode      reports -> values, next to sllurp
path        TCP -> journal, next to sllurp's decoder alone
known       a read with many units known, and with few
identity    tags and scans -> units, next to epcpy and biip
memory      per tag in view, per unit at rest
publish     the MQTT connection alone, next to two ways to use paho
delivery    decided -> marked as published, and the MQTT connection alone, next to paho
latency     read -> subscriber, with a slow disk too; bytes written
soak        many readers, and idle ones
start       from nothing to READY
journal     the journal alone
fleet       a hundred gateways, one broker
doors       how well doors decide: a bench of its own
fuzz        hostile bytes: a campaign of its own

gateway, dock    what is measured: `edgegw run` in a process, a pipeline in this one
broker           a Mosquitto that logs nothing
slow_disk        a disk that needs longer for each fsync
"""
