"""Tests of the sources on real ptys and real sockets."""
