"""Hears what SQLite does to its files, from within: a VFS that is SQLite's own but for four functions.

https://sqlite.org/c3ref/vfs.html and https://sqlite.org/c3ref/io_methods.html give the structures. The VFS is a copy
of the default one, so that everything is done by the code that the product runs on; its files get a copy of their
method table. That SQLite syncs a folder is only to be seen in the system call that opens the folder.

Needs a Python whose SQLite is a library of its own, as Debian's, Docker's and pyenv's are.
"""

from __future__ import annotations

import _sqlite3
import ctypes
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ctypes import CFUNCTYPE, POINTER, Structure, addressof, c_char_p, c_int, c_int64, c_void_p, cast, string_at
from pathlib import Path
from typing import Any, Protocol

from simulators.power_cut.operations import Operation, Resize, Sync, Write

_OK = 0


class Listener(Protocol):
    """Who is told, after it was done."""

    def opened(self, path: str, existed: bool) -> int | None: ...
    def did(self, operation: Operation) -> None: ...
    def unlinked(self, path: str) -> None: ...
    def folder_synced(self, path: str) -> None: ...


_Open = CFUNCTYPE(c_int, c_void_p, c_void_p, c_void_p, c_int, c_void_p)
_Delete = CFUNCTYPE(c_int, c_void_p, c_char_p, c_int)
_WriteFile = CFUNCTYPE(c_int, c_void_p, c_void_p, c_int, c_int64)
_Truncate = CFUNCTYPE(c_int, c_void_p, c_int64)
_SyncFile = CFUNCTYPE(c_int, c_void_p, c_int)
_OpenFolder = CFUNCTYPE(c_int, c_char_p, c_void_p)
_SetCall = CFUNCTYPE(c_int, c_void_p, c_char_p, c_void_p)
_GetCall = CFUNCTYPE(c_void_p, c_void_p, c_char_p)


class _Vfs(Structure):
    _fields_ = (
        *((name, c_int) for name in ("iVersion", "szOsFile", "mxPathname")),
        ("pNext", c_void_p),
        ("zName", c_char_p),
        *((name, c_void_p) for name in ("pAppData", "xOpen", "xDelete", "xAccess", "xFullPathname")),
        *((name, c_void_p) for name in ("xDlOpen", "xDlError", "xDlSym", "xDlClose", "xRandomness", "xSleep")),
        *((name, c_void_p) for name in ("xCurrentTime", "xGetLastError", "xCurrentTimeInt64")),
        *((name, c_void_p) for name in ("xSetSystemCall", "xGetSystemCall", "xNextSystemCall")),
    )


class _Methods(Structure):
    _fields_ = (
        ("iVersion", c_int),
        *((name, c_void_p) for name in ("xClose", "xRead", "xWrite", "xTruncate", "xSync", "xFileSize")),
        *((name, c_void_p) for name in ("xLock", "xUnlock", "xCheckReservedLock", "xFileControl")),
        *((name, c_void_p) for name in ("xSectorSize", "xDeviceCharacteristics")),
        *((name, c_void_p) for name in ("xShmMap", "xShmLock", "xShmBarrier", "xShmUnmap", "xFetch", "xUnfetch")),
    )


def why_not() -> str | None:
    """None, or why nothing can be heard with this Python."""
    if hasattr(_library(), "sqlite3_vfs_find"):
        return None
    return "this Python hides the SQLite in it: use one that has SQLite as a library, such as Debian's"


def _library() -> ctypes.CDLL:
    return ctypes.CDLL(getattr(_sqlite3, "__file__", None))


@contextmanager
def tapped(listener: Listener) -> Iterator[None]:
    """Connections that are opened inside the block are heard; close them inside it. RuntimeError: see `why_not`."""
    if reason := why_not():
        raise RuntimeError(reason)
    library = _library()
    find = library.sqlite3_vfs_find
    find.restype = POINTER(_Vfs)
    default = find(None)
    tap = _Tap(default.contents, listener)
    with tap.hearing_folders():
        library.sqlite3_vfs_register(ctypes.byref(tap.vfs), 1)
        try:
            yield
        finally:
            library.sqlite3_vfs_unregister(ctypes.byref(tap.vfs))
            library.sqlite3_vfs_register(default, 1)


class _Tap:
    """`vfs` lives as long as this."""

    def __init__(self, default: _Vfs, listener: Listener) -> None:
        self._default = default
        self._listener = listener
        self._files: dict[int, int] = {}  # address of an sqlite3_file -> number
        self._methods: dict[int, _Methods] = {}  # address of the original table -> ours
        self._folders: list[str] = []  # opened to be synced, in the call that is under way
        self._open = _Open(default.xOpen)
        self._delete = _Delete(default.xDelete)
        self._alive: list[Any] = [_Open(self._on_open), _Delete(self._on_delete)]
        self.vfs = _Vfs.from_buffer_copy(default)
        self.vfs.zName = b"power-cut"
        self.vfs.xOpen, self.vfs.xDelete = (cast(call, c_void_p).value for call in self._alive)

    @contextmanager
    def hearing_folders(self) -> Iterator[None]:
        set_call, get_call = _SetCall(self._default.xSetSystemCall), _GetCall(self._default.xGetSystemCall)
        vfs = addressof(self._default)
        real = _OpenFolder(get_call(vfs, b"openDirectory"))

        def on_open_folder(path: bytes, fd: int) -> int:
            self._folders.append(os.path.dirname(os.fsdecode(path)))
            return int(real(path, fd))

        tap = _OpenFolder(on_open_folder)
        set_call(vfs, b"openDirectory", cast(tap, c_void_p))
        try:
            yield
        finally:
            set_call(vfs, b"openDirectory", None)

    def _on_open(self, vfs: int, path_at: int | None, file: int, flags: int, out_flags: int) -> int:
        path = None if path_at is None else os.fsdecode(string_at(path_at))
        existed = path is not None and Path(path).exists()
        result = int(self._open(vfs, path_at, file, flags, out_flags))
        if result == _OK and path is not None:
            number = self._listener.opened(path, existed)
            if number is not None:
                self._files[file] = number
                self._tap_methods(file)
        return result

    def _tap_methods(self, file: int) -> None:
        """From now on this file's calls come to us."""
        pointer = c_void_p.from_address(file)
        assert pointer.value is not None
        if pointer.value not in self._methods:
            self._methods[pointer.value] = self._copy(_Methods.from_address(pointer.value))
        pointer.value = addressof(self._methods[pointer.value])

    def _copy(self, real: _Methods) -> _Methods:
        ours = _Methods.from_buffer_copy(real)
        for name, kind, hear in (
            ("xWrite", _WriteFile, self._hear_write),
            ("xTruncate", _Truncate, self._hear_truncate),
            ("xSync", _SyncFile, self._hear_sync),
        ):
            call = kind(_after(kind(getattr(real, name)), hear))
            self._alive.append(call)
            setattr(ours, name, cast(call, c_void_p).value)
        return ours

    def _hear_write(self, file: int, data: int, amount: int, offset: int) -> None:
        self._listener.did(Write(self._files[file], offset, string_at(data, amount)))

    def _hear_truncate(self, file: int, size: int) -> None:
        self._listener.did(Resize(self._files[file], size))

    def _hear_sync(self, file: int, _flags: int) -> None:
        self._listener.did(Sync(self._files[file]))
        self._hear_folders()

    def _on_delete(self, vfs: int, path: bytes, sync_folder: int) -> int:
        result = int(self._delete(vfs, path, sync_folder))
        if result == _OK:
            self._listener.unlinked(os.fsdecode(path))
        self._hear_folders()
        return result

    def _hear_folders(self) -> None:
        for folder in self._folders:
            self._listener.folder_synced(folder)
        self._folders.clear()


def _after(real: Callable[..., int], hear: Callable[..., None]) -> Callable[..., int]:
    """Let SQLite do it, then tell."""

    def call(*arguments: int) -> int:
        result = int(real(*arguments))
        if result == _OK:
            hear(*arguments)
        return result

    return call
