"""Folders of arrays that workers share. They go through the storage "artefacts": a local folder by default; anything
else (S3 ...) is mirrored into a local folder, because arrays are read memory-mapped."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from django.conf import settings
from django.core.files import File
from django.core.files.storage import storages

from engine import archive


def _local(name: str) -> tuple[Path, bool]:
    """Where the folder lies on this machine, and whether that is the store itself."""
    storage = storages["artefacts"]
    try:
        return Path(storage.path(name)), True
    except NotImplementedError:
        return Path(settings.VAR_DIR) / "artefact-mirror" / name, False


def folder_of(name: str) -> Path:
    """The local folder of an artefact, fetched first where the store is elsewhere. Raises FileNotFoundError."""
    path, is_store = _local(name)
    if not is_store and not (path / archive.META).exists():
        storage = storages["artefacts"]
        if not storage.exists(f"{name}/{archive.META}"):
            raise FileNotFoundError(name)
        _folders, files = storage.listdir(name)
        path.mkdir(parents=True, exist_ok=True)
        # The meta file last: its presence says that the folder is whole.
        for file_name in sorted(files, key=lambda one: one == archive.META):
            with storage.open(f"{name}/{file_name}") as source, (path / file_name).open("wb") as target:
                shutil.copyfileobj(source, target)
    if not (path / archive.META).exists():
        raise FileNotFoundError(name)
    return path


def exists(name: str) -> bool:
    try:
        folder_of(name)
    except FileNotFoundError:
        return False
    return True


def keep(name: str, arrays: dict[str, np.ndarray], meta: Any = None) -> str:
    """Store a folder whole or not at all; returns the hash of its content."""
    path, is_store = _local(name)
    digest = archive.save(path, arrays, meta)
    if not is_store:
        _send(name, path)
    return digest


def _send(name: str, path: Path) -> None:
    storage = storages["artefacts"]
    for item in sorted(path.iterdir(), key=lambda one: one.name == archive.META):
        if not storage.exists(f"{name}/{item.name}"):
            with item.open("rb") as source:
                storage.save(f"{name}/{item.name}", File(source))


class Draft:
    """A folder in the making whose arrays are written from first to last: what is larger than memory never is in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._open: dict[str, tuple[BinaryIO, np.dtype[Any], int]] = {}

    def array(self, name: str, dtype: Any, length: int) -> Callable[[np.ndarray], None]:
        """Begin a one-dimensional array of `length` values; what is answered appends values to it."""
        kind = np.dtype(dtype)
        file = (self.folder / f"{name}.npy").open("wb")
        head = {"descr": np.lib.format.dtype_to_descr(kind), "fortran_order": False, "shape": (length,)}
        np.lib.format.write_array_header_1_0(file, head)
        self._open[name] = (file, kind, file.tell() + length * kind.itemsize)

        def append(values: np.ndarray) -> None:
            file.write(np.ascontiguousarray(values, kind).data)

        return append

    def closed(self) -> list[str]:
        """Names of the arrays, all written to the end. Raises ValueError when one is not as long as was said."""
        for name, (file, _kind, end) in self._open.items():
            if file.tell() != end:
                raise ValueError(f"{name}: {file.tell() - end} bytes off")
            file.close()
        return sorted(self._open)

    def drop(self) -> None:
        for file, _kind, _end in self._open.values():
            file.close()
        shutil.rmtree(self.folder, ignore_errors=True)


@contextmanager
def drafted(name: str, meta: Any = None) -> Iterator[Draft]:
    """Write the arrays of a folder piece by piece; stored whole when the block ends, not at all when it raises.

    For folders that are named by their inputs: the content has no hash of its own, since computing it would take as long as
    writing. Whoever stores the same name first wins.
    """
    path, is_store = _local(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = Draft(Path(tempfile.mkdtemp(prefix=f".{path.name}-", dir=path.parent)))
    try:
        yield draft
        head = {"content_hash": None, "arrays": draft.closed(), "meta": meta}
        (draft.folder / archive.META).write_text(archive.canonical_json(head), encoding="utf-8")
        draft.folder.chmod(0o755)
        try:
            draft.folder.rename(path)
        except OSError:  # another worker was quicker
            if not (path / archive.META).exists():
                raise
        if not is_store:
            _send(name, path)
    finally:
        draft.drop()


def names_in(folder: str) -> list[str]:
    """What lies in a folder of the store; empty when there is no such folder."""
    try:
        folders, _files = storages["artefacts"].listdir(folder)
    except FileNotFoundError:
        return []
    return sorted(name for name in folders if not name.startswith("."))


def forget(name: str) -> None:
    """Remove a folder and all in it, for parts that have become a whole. Readers that have it open keep what they see."""
    path, is_store = _local(name)
    shutil.rmtree(path, ignore_errors=True)
    if not is_store:
        _forget_stored(name)


def _forget_stored(name: str) -> None:
    storage = storages["artefacts"]
    try:
        folders, files = storage.listdir(name)
    except FileNotFoundError:
        return
    for file_name in files:
        storage.delete(f"{name}/{file_name}")
    for folder in folders:
        _forget_stored(f"{name}/{folder}")


def load(name: str) -> tuple[dict[str, np.ndarray], Any]:
    """(arrays, meta); arrays are memory-mapped and read-only. Raises FileNotFoundError."""
    return archive.load(folder_of(name))
