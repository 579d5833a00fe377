"""An LLRP reader to test against: LLRP 1.0.1 and 1.1 over TCP or TLS, with a codec of its own.

layouts        the standard's tables: what each message and parameter looks like
codec          bytes <-> messages
status         LLRPStatus, and the refusal it comes from
capabilities   the makes of reader to pretend to be
settings       what SET_READER_CONFIG sets
rospec         what ADD_ROSPEC asks for, checked
execution      an active ROSpec
tags           reads -> report entries -> bytes
outbox         what is held for the client
reader         the reader, without its network
conversation   requests and answers of one connection
link           bytes of one connection, and the faults between
faults         those faults
load           made-up traffic
server         the reader on the network: `SimReader`
"""

from simulators.llrp_reader.faults import Faults, Garbage
from simulators.llrp_reader.server import SimReader

__all__ = ["Faults", "Garbage", "SimReader"]
