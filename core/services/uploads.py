"""Files that somebody sent, kept until the job that reads them is over."""

from __future__ import annotations

import shutil
import time
import uuid
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from core.errors import DomainError

# nobody comes back to a file that was checked two days ago and not applied
KEPT_SECONDS = 2 * 24 * 3600


def _root() -> Path:
    return Path(settings.MEDIA_ROOT) / "uploads"


def keep_upload(upload: Any, *, kind: str, otherwise: str = "file", limited: bool = True) -> Path:
    """Store an uploaded file under its own name in a folder of its own below uploads/`kind`. `limited`: refuse files
    beyond UPLOAD_MAX_BYTES."""
    if limited and upload.size > settings.UPLOAD_MAX_BYTES:
        words = _(
            "The file has %(size)d MB; up to %(limit)d MB are taken. Split it, or load it as a city pack."
        )
        values = {"size": upload.size >> 20, "limit": settings.UPLOAD_MAX_BYTES >> 20}
        raise DomainError("file-too-large", words % values, status=413)
    folder = _root() / kind / uuid.uuid4().hex
    folder.mkdir(parents=True)
    _forget_old(folder.parent)
    path = folder / (Path(str(upload.name)).name or otherwise)
    with path.open("wb") as target:
        for block in upload.chunks():
            target.write(block)
    return path


def forget_upload(*paths: str | Path, kind: str) -> None:
    """Remove files that `keep_upload` stored; any other file is somebody's own and stays."""
    for path in paths:
        if path and Path(path).parent.parent == _root() / kind:
            shutil.rmtree(Path(path).parent, ignore_errors=True)


def _forget_old(folder: Path) -> None:
    before = time.time() - KEPT_SECONDS
    for kept in folder.iterdir():
        if kept.is_dir() and kept.stat().st_mtime < before:
            shutil.rmtree(kept, ignore_errors=True)
