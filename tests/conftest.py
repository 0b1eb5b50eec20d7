"""Stops a test run at once, with a reason, when the module to be tested is not the built one."""

import pytest


def pytest_configure():
    try:
        import AMPS
    except ImportError as error:
        pytest.exit(f"AMPS cannot be imported ({error}): {HINT}", returncode=4)
    if not getattr(AMPS, "__file__", None):
        pytest.exit(f"this AMPS is the source folder, not the built module: {HINT}", returncode=4)


HINT = "build it with `pip install '.[test]'`, or `python setup.py build_ext -i` while developing"
