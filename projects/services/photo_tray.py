"""Photos that came with a form which was not taken yet: kept until it is, so that nobody has to choose them again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core import signing
from django.utils.translation import gettext_lazy as _

from core.errors import DomainError, InvalidInput, Problem
from core.services.uploads import forget_upload, keep_upload
from projects.services.pictures import MOST_AT_ONCE, Picture, read

KIND = "photos"
_SALT = "projects.photo_tray"


@dataclass
class Tray:
    """Pictures of one form: those kept from before, those that just came, and what is wrong with others."""

    pictures: list[Picture] = field(default_factory=list)
    tokens: list[tuple[str, str]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    _paths: list[Path] = field(default_factory=list)

    def demand_whole(self) -> list[Picture]:
        """The pictures, or InvalidInput while one of them is none; the good ones stay in the tray."""
        if self.problems:
            raise InvalidInput(
                " ".join(str(one.message) for one in self.problems), self.problems, code="bad-photo"
            )
        return self.pictures

    def empty(self) -> None:
        """The form was taken: the photos are stored with it."""
        forget_upload(*self._paths, kind=KIND)


def collect(*, user: Any, uploads: Sequence[Any], tokens: Sequence[str]) -> Tray:
    """What a form brought. `tokens` name photos that were kept when it was refused before; those of somebody else, or
    forgotten ones, are left out and said."""
    tray = Tray()
    if len(uploads) + len(tokens) > MOST_AT_ONCE:
        tray.problems.append(
            Problem("too-many-photos", _("Up to %(most)d photos are taken at once.") % {"most": MOST_AT_ONCE})
        )
        uploads = uploads[: max(0, MOST_AT_ONCE - len(tokens))]
    for token in tokens[:MOST_AT_ONCE]:
        path = _path(user, token)
        if path is None or not path.is_file():
            tray.problems.append(
                Problem("photo-forgotten", _("A photo was not kept long enough; choose it again."))
            )
            continue
        with path.open("rb") as file:
            _take(tray, file, path.name, path, token)
    for upload in uploads:
        try:
            picture = read(upload)
        except DomainError as refused:
            tray.problems.append(Problem(refused.code, refused.message, file=str(upload.name)))
            continue
        path = keep_upload(upload, kind=KIND, otherwise="photo")
        token = signing.dumps([user.pk, path.parent.name, path.name], salt=_SALT)
        tray.pictures.append(picture)
        tray.tokens.append((token, picture.name))
        tray._paths.append(path)
    return tray


def _take(tray: Tray, file: Any, name: str, path: Path, token: str) -> None:
    try:
        tray.pictures.append(read(file))
    except DomainError as refused:
        tray.problems.append(Problem(refused.code, refused.message, file=name))
        return
    tray.tokens.append((token, name))
    tray._paths.append(path)


def _path(user: Any, token: str) -> Path | None:
    try:
        owner, folder, name = signing.loads(token, salt=_SALT, max_age=2 * 24 * 3600)
    except (signing.BadSignature, ValueError):
        return None
    return Path(settings.MEDIA_ROOT) / "uploads" / KIND / folder / name if owner == user.pk else None
