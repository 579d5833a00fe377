"""Pure decisions: no clock, socket, file, log, asyncio or third-party code. Time is a parameter.

Every `t` here is seconds since 1970 on the gateway's own timeline (`edgegw.clock`).
"""
