"""VersionInfo: the numbers that a version's text stands for, whatever a server sends."""

import copy
import pickle

import pytest

import AMPS
from AMPS import VersionInfo


@pytest.mark.parametrize(
    ("text", "old_style", "number"),
    [
        ("5.3.4.130", 5030499, 500030000400130),
        ("3.8.1.7", 3080107, 300080000100007),
        ("4.0.0.0", 4000000, 400000000000000),
        ("5.3.4.2.717892.e742467", 5030402, 500030000400002),
        ("5.3", 5030000, 500030000000000),
        ("5", 5000000, 500000000000000),
        ("", 0, 0),
        ("develop", 0, 0),
        ("5.x.4.2", 5000000, 500000000000000),
        ("5..4.2", 5000000, 500000000000000),
        ("-5.3", 0, 0),
        ("5.+3", 5000000, 500000000000000),
        (" 5.3", 0, 0),
        ("٥.3", 0, 0),
        ("0005.03.0004.0002", 5030402, 500030000400002),
        ("99999.99999.999999.999999", 99999999, 999999999999999999),
        ("9" * 100_000, 99000000, 999900000000000000),
        ("." * 100_000, 0, 0),
    ],
)
def test_a_version_has_two_numbers(text, old_style, number):
    version = VersionInfo(text)
    assert version.get_old_style_version() == old_style
    assert version.get_version_number() == number


def test_the_text_comes_back_as_it_was_given():
    version = VersionInfo("5.3.4.2.e742467 (beta)")
    assert version.get_version_string() == str(version) == "5.3.4.2.e742467 (beta)"
    assert repr(version) == "VersionInfo('5.3.4.2.e742467 (beta)')"


def test_a_version_is_empty_until_one_is_set():
    version = VersionInfo()
    assert version.get_version_string() == ""
    assert version.set_version("5.3.4.2") is None
    assert version.get_old_style_version() == 5030402


def test_versions_compare_part_by_part_and_not_as_text():
    assert VersionInfo("5.3.10") > VersionInfo("5.3.9")
    assert VersionInfo("5.3.9") < VersionInfo("5.3.10")
    assert VersionInfo("5.3") == VersionInfo("5.3.0.0.e742467")
    assert VersionInfo("5.3") != VersionInfo("5.3.1")
    assert VersionInfo("5.3") <= VersionInfo("5.3") >= VersionInfo("5.3")
    assert VersionInfo("5.3.4.100") > VersionInfo("5.3.4.99"), "although both are 99 in old style"


@pytest.mark.parametrize("other", ["5.3", 5030000, None, (5, 3)])
def test_a_version_compares_with_nothing_else(other):
    assert VersionInfo("5.3") != other
    with pytest.raises(TypeError):
        assert VersionInfo("5.3") < other


@pytest.mark.parametrize("version", [None, 5, 5.3, ["5.3"]])
def test_only_text_is_a_version(version):
    with pytest.raises(TypeError, match=f"must be str or bytes, not {type(version).__name__}"):
        VersionInfo(version)


def test_a_version_may_be_bytes():
    version = VersionInfo(b"5.3.4.130\xff")
    assert str(version) == "5.3.4.130\ufffd" and version == VersionInfo("5.3.4")


def test_a_version_survives_a_refused_one():
    version = VersionInfo("5.3")
    with pytest.raises(TypeError):
        version.set_version(None)
    assert str(version) == "5.3"


def test_versions_are_ordinary_objects():
    class Mine(VersionInfo):
        pass

    mine = Mine("5.3")
    mine.note = "seen today"
    assert {mine: 1}[mine] == 1
    assert copy.copy(mine) == pickle.loads(pickle.dumps(VersionInfo("5.3"))) == mine
    assert AMPS.VersionInfo is VersionInfo
