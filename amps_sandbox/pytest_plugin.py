"""Gives pytest the fixture `amps_sandbox`: a fresh sandbox on a free port, for one test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from . import Sandbox


@pytest.fixture
def amps_sandbox() -> Iterator[Sandbox]:
    """A started Sandbox that nobody else uses; it is stopped after the test."""
    with Sandbox() as sandbox:
        yield sandbox
