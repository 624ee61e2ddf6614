"""Runs the steps of a program one after the other and says on standard output how each ended.

After each step it waits for a line on standard input: whoever reads knows which calls were whose.
"""

import contextlib
import json
import os
import sys

URL = os.environ["EMULATOR_URL"]
FOLDER = os.environ["FOLDER"]
PATTERN = os.environ["PATTERN"].encode()

SMALL = b"what a person typed\n"
LARGE_BYTES = int(os.environ["LARGE_BYTES"])
LARGE = (PATTERN * (LARGE_BYTES // len(PATTERN) + 1))[:LARGE_BYTES]

_steps = []


def step(name):
    """Makes the function below it the next step."""

    def register(function):
        _steps.append((name, function))
        return function

    return register


def same(what, found, wanted):
    """Fails when `found` is not what was wanted."""
    if found != wanted:
        raise AssertionError(f"{what} is {shown(found)}, not {shown(wanted)}")


def holds(what, condition):
    """Fails when the condition does not hold."""
    if not condition:
        raise AssertionError(f"not so: {what}")


def shown(value):
    """Short enough for a line."""
    text = repr(value)
    return text if len(text) <= 200 else f"{text[:200]}... of {len(text)} characters"


@contextlib.contextmanager
def refused(kind):
    """Fails unless what is inside raises `kind`."""
    try:
        yield
    except kind:
        return
    raise AssertionError(f"no {kind.__name__} was raised")


def run():
    """Runs every step, whatever became of those before."""
    for name, function in _steps:
        error = None
        try:
            function()
        except Exception as err:  # Whatever it is, it is what this step has to tell.
            error = f"{type(err).__name__}: {err}"
        print(json.dumps({"step": name, "error": error}), flush=True)
        if not sys.stdin.readline():
            return
