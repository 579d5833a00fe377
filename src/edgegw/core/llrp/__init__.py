"""LLRP (GS1 EPCglobal Low Level Reader Protocol 1.0.1 and 1.1) as pure values and tables.

frame       bytes -> whole messages, whatever the stream does
parameters  the walk over TV and TLV parameters
report      RO_ACCESS_REPORT -> tag entries
messages    every other message as a frozen value; the codec's interface
rospec      capabilities + settings -> the ROSpec to ask for, or the refusal
session     the conversation with one reader, as a table
clock       the reader's clock against ours
"""
