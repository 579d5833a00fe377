"""The `edgegw` command, also as `python -m edgegw`."""

import os
import signal
import sys
from typing import NoReturn

FILES_ARE_OURS = 0o027
"""What edgegw writes, its group may read and nobody else: journals, sockets, recordings and reports name goods."""


def main() -> NoReturn:
    """Entry point. Ctrl-C while the program is still being loaded ends it without a word."""
    os.umask(os.umask(FILES_ARE_OURS) | FILES_ARE_OURS)
    ours = signal.signal(signal.SIGINT, signal.SIG_DFL)
    from edgegw.cli import call

    signal.signal(signal.SIGINT, ours)
    sys.exit(call(sys.argv[1:]))


if __name__ == "__main__":
    main()
