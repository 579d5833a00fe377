"""LLRP (GS1 EPCglobal Low Level Reader Protocol 1.0.1 and 1.1) as pure values and tables.

frame       bytes -> whole messages, whatever the stream does
parameters  the walk over TV and TLV parameters
report      RO_ACCESS_REPORT -> tag entries, in general
layout      one layout of a tag: what decides it, where its values stand
decoder     RO_ACCESS_REPORT -> batches of tags by the layouts known before: the hot path
reads       batches of tags -> reads on the gateway's timeline
messages    every other message as a frozen value; the codec's interface
rospec      capabilities + settings -> the ROSpec to ask for, or the refusal
session     the conversation with one reader, as a table
clock       the reader's clock against ours
"""
