"""Our parser and one made by lark take and refuse the same texts, and read them alike."""

import pytest
from hypothesis import given, strategies as st

from amps_sandbox.expressions import BadExpression
from amps_sandbox.expressions.catalogue import FUNCTIONS
from amps_sandbox.expressions.parser import parse

from .second_parser import COUNTS, Refused, second_parse, takes
from .trees import as_tuples

HAND_WRITTEN = """
/a = 1
/a == 1 AND /b <> 'x' OR NOT /c
1 + 2 * 3 - -4
6*/14
SUM(/a) / SUM(/b)
10/5
10 / 5
/a/b / 2
/a/(2)
/a//b
/a-1
/a - 1
5 -3
--1
- - 1
+1
NOT NOT NOT /a
not /a in (1, 2)
/a NOT IN ('x')
/a IN ()
/a IN 1
/a BETWEEN 1 AND 2 AND /b BETWEEN 3 AND 4
/a NOT BETWEEN 1 AND 2
/a BETWEEN 1
/a LIKE 'a\\'b\\.c'
/a LIKE r"C++"
/a LIKE 'C\\+\\+' OR R'x' = 1
/a LIKE /b
r'x'
/a BEGINS WITH ('x', "y")
/a NOT ENDS WITH ('x')
/a ENDS ('x')
/a IS NULL
/a IS NOT NAN
/a IS 1
/a NOT NULL
1 < 2 < 3
(1 < 2) < 3
TRUE AND FALSE OR NULL
TRUE_VALUE() = TRUE
true()
ORDER(1)
UPPER(/a)
UPPER()
UPPER(/a, /b)
IF(/a > 1, 'x', 'y')
CONCAT()
if (1,2,3)
REGEXP_MATCH(/a, '(.)\\1')
REGEXP_MATCH(/a, '(.)\\1' + 1)
REGEXP_REPLACE(/a, /b, 'c')
[/a b] = 1
[/a b][2] = 1
/a[2]
/a [2]
/a[2147483648]
/a[2147483647]
/a[-1]
[t]./a = [json].[t]./a
[t].[/a b][1]
[a].[b].[c]./d
[/t].[/u]
[/t]./u
[t] ./a
[]./a
/
/ a
/a/
/@id = /a/@b
/@
/a.b:c-d_e
18446744073709551615
18446744073709551616
99999999999999999999999999999
1e400
.5 + 5. + 1e3 + 1.5E-3
1e
1.2.3
1AND 2
1 AND2
''
'it\\'s' = "\\"" OR '\\x41\\101\\n\\q\\400\\xg1'
'open
"open
'\\'
(
)
()
(1
1)
1 1
AND
a
a(
/a MOD 2
MOD(1, 2)
/a % 2 mod 3
/a ! 1
/a = = 1
# comment
""".strip().splitlines()

WORDS = [
    *("OR", "and", "NOT", "IN", "BETWEEN", "LIKE", "BEGINS", "ENDS", "WITH", "IS", "NULL", "NAN"),
    *("TRUE", "FALSE", "MOD", "=", "==", "!=", "<>", ">=", ">", "<=", "<", "+", "-", "*", "/", "%"),
    *("(", ")", ",", "1", "2.5", "18446744073709551616", "'x'", '"y\\n"', "r'C++'", "''", "/a"),
    *("/b/c", "/a[2]", "[/q p]", "[t]./a", "[m].[t]./a", "UPPER", "IF", "COUNT", "REGEXP_MATCH"),
    *("nothing", "[", "]", ".", "'", "\\", "é", "@", "/@x"),
]


def both(text):
    """What each parser makes of the text; None for refused."""
    try:
        ours = as_tuples(parse(text))
    except BadExpression:
        ours = None
    try:
        theirs = second_parse(text)
    except Refused:
        theirs = None
    return ours, theirs


@pytest.mark.parametrize("text", HAND_WRITTEN)
def test_both_read_a_hand_written_text_alike(text):
    ours, theirs = both(text)
    assert repr(ours) == repr(theirs)


def test_the_hand_written_texts_are_both_good_and_bad():
    outcomes = [both(text)[0] is None for text in HAND_WRITTEN]
    assert 30 < sum(outcomes) < len(outcomes) - 30


@given(
    st.lists(st.sampled_from(WORDS), max_size=12).flatmap(
        lambda words: st.lists(
            st.sampled_from(["", " ", " ", "\n"]), min_size=len(words), max_size=len(words)
        ).map(lambda blanks: "".join(map("".join, zip(blanks, words))))
    )
)
def test_both_take_and_refuse_the_same_words(text):
    ours, theirs = both(text)
    assert repr(ours) == repr(theirs)


OPERANDS = st.sampled_from(
    ["1", "2.5", "'x'", "/a", "/b/c[1]", "[/q p]", "NULL", "TRUE", "-1", "+/a", "[t]./x"]
)


def operated(inner):
    pair = st.tuples(inner, inner)
    return st.one_of(
        st.tuples(inner, st.sampled_from("+-*%"), inner).map(" ".join),
        pair.map(" / ".join),
        pair.map(" = ".join),
        pair.map(" <> ".join),
        pair.map(" And ".join),
        pair.map(" or ".join),
        inner.map("NOT {}".format),
        inner.map("({})".format),
        inner.map("-{}".format),
        inner.map("{} IS not null".format),
        inner.map("{} NOT LIKE 'a.*\\.'".format),
        st.tuples(inner, inner, inner).map(lambda three: "{} BETWEEN {} AND {}".format(*three)),
        st.tuples(inner, inner, inner).map(lambda three: "{} NOT IN ({}, {})".format(*three)),
        st.tuples(inner, inner, inner).map(lambda three: "if({}, {},{})".format(*three)),
        pair.map(lambda two: "{} BEGINS  WITH({})".format(*two)),
    )


@given(st.recursive(OPERANDS, operated, max_leaves=15))
def test_both_read_what_is_nearly_grammatical_alike(text):
    ours, theirs = both(text)
    assert repr(ours) == repr(theirs)


@pytest.mark.parametrize("name", sorted({*FUNCTIONS, *COUNTS}))
def test_both_count_arguments_alike(name):
    for count in range(6):
        ours, theirs = both(f"{name}({', '.join(['1'] * count)})")
        assert (ours is not None) == (theirs is not None) == takes(name, count)
