"""Dates: C's format letters written and read, in UTC, with fractions of a second."""

import calendar
import time

import pytest

from .values import same, value

LEAP = 1709211909.123456  # 2024-02-29 13:05:09.123456, a Thursday


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("%Y-%m-%d %H:%M:%S.%f", "2024-02-29 13:05:09.123456"),
        ("%F %T.%03f", "2024-02-29 13:05:09.123"),
        ("%a %A %b %B %h", "Thu Thursday Feb February Feb"),
        ("%I %p %e %j", "01 PM 29 060"),
        ("%y %C %G %g %V", "24 20 2024 24 09"),
        ("%u %w %U %W", "4 4 08 09"),
        ("%D %R %r", "02/29/24 13:05 01:05:09 PM"),
        ("%c|%x|%X", "Thu Feb 29 13:05:09 2024|02/29/24|13:05:09"),
        ("%s %z %Z %% %n%t.", "1709211909 +0000 UTC % \n\t."),
        ("%Q %", "%Q %"),
        ("%%f", "%f"),
    ],
)
def test_a_date_is_written(form, expected):
    assert value(f"STRFTIME('{form}', {LEAP!r})") == expected


@pytest.mark.parametrize("form", [*"aAbBCdDeFgGhHIjmMprRSTuUVwWyYZ"])
def test_the_c_library_would_write_the_same(form):
    for moment in (0, 86399, 951782400, 1709211909, 1735603200, 4102444799):
        written = value(f"CONCAT(STRFTIME('%{form}', /t), '!')", {"/t": moment})
        expected = "UTC" if form == "Z" else time.strftime(f"%{form}", time.gmtime(moment))
        assert written == expected + "!"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("STRFTIME('%Y', '0')", "1970"),
        ("STRFTIME('%Y-%m-%d', -1)", "1969-12-31"),
        ("STRFTIME('%Y', 'x')", None),
        ("STRFTIME('%Y', 1e18)", None),
        ("STRFTIME('%Y', 1e400)", None),
        ("STRFTIME('%Y', NULL)", None),
        ("STRFTIME('', 0)", None),
        ("STRFTIME('%c%c%c%c%c%c', 0)", None),  # over 128 bytes
        ("LENGTH(STRFTIME('%c%c%c%c%c', 0))", 120),
        ("STRPTIME('2024-02-29', '%Y-%m-%d')", 1709164800),
        ("STRPTIME('2024-02-29T13:05:09.5', '%Y-%m-%dT%H:%M:%S.%f')", 1709211909.5),
        ("STRPTIME('13:05:09.123', '%T.%03f')", 47109.123),
        ("STRPTIME('29 feb 2024 1:05 pm', '%d %b %Y %I:%M %p')", 1709211900),
        ("STRPTIME('12:00 AM', '%I:%M %p')", 0),
        ("STRPTIME('Thursday, February  1 2024', '%A, %B %e %Y')", 1706745600),
        ("STRPTIME('060/24', '%j/%y')", 1709164800),
        ("STRPTIME('19 68', '%C %y')", -63158400),
        ("STRPTIME('1709211909', '%s')", 1709211909),
        ("STRPTIME('1970-01-01 +0100', '%F %z')", -3600),
        ("STRPTIME('1970-01-01 -01:30', '%F %z')", 5400),
        ("STRPTIME('1970-01-01Z', '%F%Z')", 0),
        ("STRPTIME('50%', '%M%%')", 3000),
        ("STRPTIME('2023-02-29', '%F')", None),
        ("STRPTIME('2024-13-01', '%F')", None),
        ("STRPTIME('366 2023', '%j %Y')", None),
        ("STRPTIME('25', '%H')", None),
        ("STRPTIME('13 PM', '%I %p')", None),
        ("STRPTIME('60', '%M')", None),
        ("STRPTIME('2024', '%Y-%m')", None),
        ("STRPTIME('2024x', '%Y')", None),
        ("STRPTIME('x', '%Y')", None),
        ("STRPTIME('x', '%B')", None),
        ("STRPTIME('x', '%p')", None),
        ("STRPTIME('x', '%z')", None),
        ("STRPTIME('2024', '%Q')", None),
        ("STRPTIME('2024%', '%Y%')", 1704067200),
        ("STRPTIME('0000', '%Y')", None),
        ("STRPTIME(NULL, '%Y')", None),
        ("STRPTIME(2024, '%Y')", 1704067200),
        (f"YEAR({LEAP})", 2024),
        (f"MONTH({LEAP})", 2),
        (f"DAY({LEAP})", 29),
        (f"DATE({LEAP})", 1709164800),
        (f"DATE_UTC({LEAP})", 1709164800),
        ("DATE(-1)", -86400),
        ("YEAR('x')", None),
        ("YEAR(1e30)", None),
        ("TIMEZONEOFFSET()", 0),
    ],
)
def test_dates_and_their_parts(text, expected):
    assert same(value(text), expected)


def test_today_is_the_clock_s_day():
    assert value("TODAY()", now=LEAP) == value("TODAY_UTC()", now=LEAP) == 1709164800


def test_what_is_written_can_be_read_again():
    for moment in (0, 1709211909, 4102444799, -1, calendar.timegm((1900, 1, 1, 0, 0, 0))):
        for form in ("%c", "%F %T", "%s", "%a %d %b %Y %r", "%G %Y %j %X", "%D %T %C%n%t%u"):
            text = f"STRPTIME(STRFTIME('{form}', /t), '{form}')"
            if not (form == "%s" and moment < 0):
                assert value(text, {"/t": moment}) == moment, form


def test_a_hostile_date_or_format_is_null():
    assert value("STRPTIME(/s, '%Y')", {"/s": "9" * 100_000}) is None
    assert value("STRPTIME('1', /s)", {"/s": "%d" * 100_000}) is None
    assert value("STRPTIME(/s, /s)", {"/s": " " * 129}) is None
