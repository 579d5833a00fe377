"""A hundred gateways, one broker, one central system: who is the limit, and how does a shared subscription move it?

gateways    the load: events through the real drain and MQTT link, a pace for each gateway
consumers   central systems that count what arrives, and how late
meters      numbers that processes share
steps       one pace at a time: what arrived, and what gateways, broker and consumers took of a core
"""
