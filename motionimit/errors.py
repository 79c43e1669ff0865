"""Errors a user can meet. Each says in one sentence what was wrong, where, and what to do; `exit_code` is the command line's."""

from __future__ import annotations


class MotionimitError(Exception):
    """Base of all expected errors; the command line prints the message without a traceback."""

    exit_code = 1


class BadUsage(MotionimitError):
    """The options contradict each other or have a value outside their range."""

    exit_code = 2


class BadInput(MotionimitError):
    """A file is missing, unreadable, of the wrong kind, or shows no usable person; or the output can't be written."""

    exit_code = 3


class MissingModel(MotionimitError):
    """A model file that was asked for is not there; the message lists the paths tried and the ways to set one."""

    exit_code = 4


class ShapeError(ValueError):
    """A tensor has the wrong shape. Attributes: `name`, `expected`, `actual`."""

    def __init__(self, name: str, expected: tuple[object, ...], actual: tuple[int, ...]) -> None:
        self.name, self.expected, self.actual = name, expected, actual
        wanted = ", ".join(str(e) for e in expected)
        super().__init__(f"{name} must have shape [{wanted}], got {list(actual)}")
