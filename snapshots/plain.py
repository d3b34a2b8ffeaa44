"""Frozen values as JSON and back, by their declared types. Pure.

For what is only read by the program that wrote it: a missing field takes its default, an unknown
one is left out, so that a store survives a field more or less.
"""

from __future__ import annotations

import dataclasses
import types
from datetime import datetime
from functools import lru_cache
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

Value = TypeVar("Value")


def to_plain(value: Any) -> Any:
    """Dataclasses, tuples, times and JSON's own kinds as what `json.dumps` takes."""
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, tuple):
        return [to_plain(part) for part in value]
    if isinstance(value, datetime):
        return value.isoformat()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {name: to_plain(getattr(value, name)) for name in _hints(type(value))}
    raise TypeError(f"can't be written as JSON: {type(value).__name__}")


def from_plain(kind: type[Value], plain: Any) -> Value:
    """What `to_plain` was given, of the declared type."""
    return cast(Value, _from_plain(kind, plain))


def _from_plain(kind: Any, plain: Any) -> Any:
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        if plain is None:
            return None
        (only,) = (one for one in get_args(kind) if one is not types.NoneType)
        return _from_plain(only, plain)
    if origin is tuple:
        parts = get_args(kind)
        if len(parts) == 2 and parts[1] is Ellipsis:
            return tuple(_from_plain(parts[0], part) for part in plain)
        return tuple(_from_plain(one, part) for one, part in zip(parts, plain, strict=True))
    if origin is Literal:
        return plain
    if kind is datetime:
        return datetime.fromisoformat(plain)
    if dataclasses.is_dataclass(kind):
        hints = _hints(cast(type, kind))
        known = {name: _from_plain(hints[name], plain[name]) for name in hints if name in plain}
        return cast(Any, kind)(**known)
    return plain


@lru_cache(maxsize=64)
def _hints(kind: type) -> dict[str, Any]:
    hints = get_type_hints(kind)
    return {field.name: hints[field.name] for field in dataclasses.fields(kind)}
