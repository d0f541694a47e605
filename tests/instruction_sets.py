"""The compiled kernel's instruction sets, for the tests that go through them.

Which one trains is a setting of the whole process: whoever changes it must put it back, at import too.
"""

from collections.abc import Iterator

import pytest

from fabula.model.kernels import training_library
from fabula.native.build import INSTRUCTION_SETS

LIBRARY = training_library()


def _present() -> list[str]:
    if LIBRARY is None:
        return []
    names = [each.name for each in INSTRUCTION_SETS if LIBRARY.fabula_train_with(each.name.encode()) == 0]
    LIBRARY.fabula_train_with(None)
    return names


PRESENT = _present()
"""The names of those that this machine can train with."""


@pytest.fixture(autouse=True)
def best_instruction_set() -> Iterator[None]:
    """Train with this machine's best set again after each test."""
    yield
    if LIBRARY is not None:
        LIBRARY.fabula_train_with(None)
