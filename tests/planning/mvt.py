"""Reads the attributes of a vector tile (Mapbox Vector Tile 2.1, a protobuf message) for the tests."""

import struct
from collections.abc import Iterator
from typing import Any


def _varint(block: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = block[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def _fields(block: bytes) -> Iterator[tuple[int, Any]]:
    at = 0
    while at < len(block):
        key, at = _varint(block, at)
        kind = key & 7
        if kind == 0:
            value, at = _varint(block, at)
        elif kind == 1:
            value, at = struct.unpack_from("<d", block, at)[0], at + 8
        elif kind == 5:
            value, at = struct.unpack_from("<f", block, at)[0], at + 4
        else:
            length, at = _varint(block, at)
            value, at = block[at : at + length], at + length
        yield key >> 3, value


def _value(block: bytes) -> Any:
    number, value = next(_fields(block))
    if number == 1:
        return value.decode()
    if number == 6:
        return (value >> 1) ^ -(value & 1)
    return bool(value) if number == 7 else value


def features(tile: bytes, layer: str) -> list[dict[str, Any]]:
    """Attributes of every feature of a layer, with its id as `_id`."""
    found = []
    for number, block in _fields(tile):
        parts: dict[int, list[Any]] = {}
        for field, value in _fields(block) if number == 3 else ():
            parts.setdefault(field, []).append(value)
        if not parts or parts[1][0].decode() != layer:
            continue
        keys, values = (
            [key.decode() for key in parts.get(3, [])],
            [_value(value) for value in parts.get(4, [])],
        )
        for feature in parts.get(2, []):
            said: dict[str, Any] = {}
            for field, value in _fields(feature):
                if field == 1:
                    said["_id"] = value
                elif field == 2:
                    tags, at = [], 0
                    while at < len(value):
                        tag, at = _varint(value, at)
                        tags.append(tag)
                    said |= {keys[k]: values[v] for k, v in zip(tags[::2], tags[1::2], strict=True)}
            found.append(said)
    return found
