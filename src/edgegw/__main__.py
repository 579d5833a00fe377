"""The `edgegw` command, also as `python -m edgegw`."""

import signal
import sys
from typing import NoReturn


def main() -> NoReturn:
    """Entry point. Ctrl-C while the program is still being loaded ends it without a word."""
    ours = signal.signal(signal.SIGINT, signal.SIG_DFL)
    from edgegw.cli import call

    signal.signal(signal.SIGINT, ours)
    sys.exit(call(sys.argv[1:]))


if __name__ == "__main__":
    main()
