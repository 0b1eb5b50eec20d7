"""Fixtures of the sandbox's tests."""

import pytest

from amps_sandbox.pytest_plugin import amps_sandbox  # noqa: F401  (also when it is not installed)

from .driver import Driver


@pytest.fixture
def connect(request):
    """Connects drivers to a sandbox, and closes them after the test."""
    opened = []

    def connected(sandbox, name=None, listener=0, **logon):
        at = sandbox.listener(listener)
        driver = Driver(at.host, at.port)
        opened.append(driver)
        if name is not None:
            assert driver.log_on(name, **logon)["status"] == "success"
        return driver

    yield connected
    for driver in opened:
        driver.close()
