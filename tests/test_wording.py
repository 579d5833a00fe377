"""Sentences whose cure was once the wrong one."""

from __future__ import annotations

import sqlite3

import pytest

from edgegw.publish.answers import end_of_link
from edgegw.store.trouble import sentence


@pytest.mark.parametrize("code", [0x86, 0x87])
def test_a_wrong_password_is_looked_for_first(code: int) -> None:
    """Mosquitto answers 0x87, not authorised, to a wrong password."""
    said = str(end_of_link("mqtt", code, client_id="edgegw-dc-1-gw", protocol="5"))
    assert "check mqtt.username and the password" in said


def test_a_disk_that_is_full_may_report_an_error() -> None:
    """Writing to a full disk fails as SQLITE_IOERR_WRITE or _SHMSIZE where the file system says so late."""
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorname = "SQLITE_IOERR_SHMSIZE"
    assert sentence(error).startswith("the disk is full or reports an error: free some space, then check the disk")
