"""Shape checks for the structures that pass between stages."""

from __future__ import annotations

from typing import Any

from .errors import ShapeError


def check_shape(name: str, array: Any, expected: tuple[int | str, ...], axes: dict[str, int] | None = None) -> dict[str, int]:
    """Check a tensor or array against a pattern such as ``("T", 24, 3, 3)``.

    An int must match exactly; a letter must match what `axes` already binds it to, else it is bound. Returns the bindings,
    so that several fields can be checked against each other without any silent broadcasting. Raises `ShapeError`.
    """
    bound = axes if axes is not None else {}
    actual = tuple(array.shape)
    if len(actual) != len(expected):
        raise ShapeError(name, expected, actual)
    for want, got in zip(expected, actual, strict=True):
        if bound.setdefault(want, got) != got if isinstance(want, str) else want != got:
            raise ShapeError(name, tuple(bound.get(e, e) if isinstance(e, str) else e for e in expected), actual)
    return bound
