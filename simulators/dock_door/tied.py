"""`python tied.py PARENT-PID PROGRAM ARGUMENT...` runs the program and ends it (SIGTERM) with its parent.

However the parent ends: a killed demo leaves no gateway behind. Linux: prctl(2), PR_SET_PDEATHSIG; it outlives
exec, so the program itself need not know.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    parent, *program = sys.argv[1:]
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() == int(parent):  # else it ended before it was watched
        os.execv(program[0], program)


if __name__ == "__main__":
    main()
