"""`python -m edgegw` is the `edgegw` command."""

from edgegw.cli import main

if __name__ == "__main__":
    main()
