"""Freeze inputs and results: one folder of .npy files and a meta.json, named by what it holds."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

META = "meta.json"


def canonical_json(value: Any) -> str:
    """One spelling for one value: keys sorted, no spaces, no NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def content_hash(arrays: Mapping[str, NDArray[Any]], meta: Any = None) -> str:
    """sha256 (64 hex digits) of named arrays and a JSON value.

    Depends on names, dtypes, shapes and contents, not on the order of names, memory layout or byte order.
    """
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        if array.dtype.hasobject:
            raise TypeError(f"{name}: an array of objects has no stable content")
        array = array.astype(array.dtype.newbyteorder("<"), copy=False)
        digest.update(canonical_json([name, array.dtype.str, list(array.shape)]).encode())
        digest.update(array.tobytes() if array.size < 1 << 16 else memoryview(array).cast("B"))
    digest.update(b"meta" + canonical_json(meta).encode())
    return digest.hexdigest()


def save(folder: str | os.PathLike[str], arrays: Mapping[str, NDArray[Any]], meta: Any = None) -> str:
    """Write the folder whole or not at all and return its content hash.

    An existing folder with the same content is left alone; with other content it is an error (FileExistsError):
    frozen things do not change.
    """
    target = Path(folder)
    name = content_hash(arrays, meta)
    if target.exists():
        if read_meta(target)["content_hash"] != name:
            raise FileExistsError(f"{target} already holds something else")
        return name
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    for key, array in arrays.items():
        np.save(draft / f"{key}.npy", np.ascontiguousarray(array), allow_pickle=False)
    head = {"content_hash": name, "arrays": sorted(arrays), "meta": meta}
    (draft / META).write_text(canonical_json(head), encoding="utf-8")
    draft.chmod(0o755)
    try:
        draft.rename(target)
    except OSError:  # another worker wrote the same folder first
        for item in draft.iterdir():
            item.unlink()
        draft.rmdir()
        if not target.exists() or read_meta(target)["content_hash"] != name:
            raise
    return name


def read_meta(folder: str | os.PathLike[str]) -> dict[str, Any]:
    """{"content_hash", "arrays", "meta"} of a saved folder."""
    return json.loads((Path(folder) / META).read_text(encoding="utf-8"))


def load(folder: str | os.PathLike[str], verify: bool = False) -> tuple[dict[str, NDArray[Any]], Any]:
    """(arrays, meta). Arrays are memory-mapped read-only, so many workers share one copy.

    `verify` reads everything again and raises ValueError when the content no longer matches its hash.
    """
    head = read_meta(folder)
    arrays = {
        name: np.load(Path(folder) / f"{name}.npy", mmap_mode="r", allow_pickle=False)
        for name in head["arrays"]
    }
    if verify and content_hash(arrays, head["meta"]) != head["content_hash"]:
        raise ValueError(f"{folder}: content does not match its hash")
    return arrays, head["meta"]
