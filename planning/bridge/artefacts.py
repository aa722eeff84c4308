"""Folders of arrays that workers share. They go through the storage "artefacts": a local folder by default; anything
else (S3 ...) is mirrored into a local folder, because arrays are read memory-mapped."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

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
        storage = storages["artefacts"]
        for item in sorted(path.iterdir(), key=lambda one: one.name == archive.META):
            if not storage.exists(f"{name}/{item.name}"):
                with item.open("rb") as source:
                    storage.save(f"{name}/{item.name}", File(source))
    return digest


def load(name: str) -> tuple[dict[str, np.ndarray], Any]:
    """(arrays, meta); arrays are memory-mapped and read-only. Raises FileNotFoundError."""
    return archive.load(folder_of(name))
