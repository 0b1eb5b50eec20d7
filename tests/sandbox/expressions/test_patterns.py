"""Patterns: what they match, and that none takes long; both with `regex` and without it."""

import subprocess
import sys

import pytest
import regex
from hypothesis import given, strategies as st

from amps_sandbox.expressions import BadPattern, Scope, Watch, limits, parse_filter
from amps_sandbox.expressions.pattern_cost import pattern_cost
from amps_sandbox.expressions.patterns import compile_pattern, literal_pattern

BOTH = pytest.mark.parametrize("library", [regex, None], ids=["regex", "re"])


@BOTH
@pytest.mark.parametrize(
    ("text", "yes", "no"),
    [
        ("", ["", "x"], []),
        ("abc", ["xabcx"], ["ab", "ABC"]),
        ("^A.*z$", ["Abcz", "Az"], ["bAz", "Abczz "]),
        ("(?A)b", ["b"], ["ab", "\nb"]),
        ("(?m)^b", ["a\nb"], ["ab"]),
        ("(?i)abc", ["xABC"], ["ab"]),
        ("(?i)\xe9", ["\xe9"], ["\xc9"]),  # bytes, not letters
        ("(?s)a.b", ["a\nb"], ["ab"]),
        ("a.b", ["a.b"], ["a\nb"]),
        ("(?i)(?s)A.b", ["a\nB"], ["b"]),
        ("(?x) a b # c ( \n c", ["abc"], ["a b c"]),
        (r"(.)\1", ["hello"], ["helo"]),
        (r"C\+\+", ["C++"], ["CC"]),
        (r"^\w+$", ["abc_1"], ["\xe9", "a b"]),
        (r"^\d{2,3}$", ["12", "123"], ["1", "1234"]),
        ("[[:alpha:]][[:digit:]]", ["a1"], [":1", "al"]),
        ("[]a]", ["]"], ["b"]),
        ("[^]a]", ["b"], ["]", "a"]),
        (r"[\]a-]", ["]", "-"], ["b"]),
        ("[[a]", ["[", "a"], ["b"]),
        ("[+--]", ["-", ","], ["."]),
        ("[a&&b||c~~d]", ["&", "|", "~", "d"], ["e"]),
        (r"[\[[:digit:]]", ["[", "7"], [":", "d"]),
        ("{x}a{,", ["{x}a{,"], ["xa"]),
        (r'\{"a":1', ['{"a":1'], ["a"]),
        ('{"a":1', ['{"a":1'], ["a"]),
        ("(?<n>a)(?P=n)", ["aa"], ["ab"]),
        ("a(?#a comment ( )b", ["ab"], ["a"]),
        ("(?=.*a)b", ["ba"], ["bc"]),
        ("(?<!a)b", ["cb"], ["ab"]),
        ("(?i:a)b", ["Ab"], ["AB"]),
        ("^(?:a|b|cd)$", ["cd"], ["c"]),
        ("%", ["5%"], ["5"]),  # no wildcard
        (r"^(\d{1,3}\.){3}\d{1,3}$", ["127.0.0.1"], ["127.0.0", "1270.0.0.1"]),
        (r"(?:a{2}){2}", ["aaaa"], ["aaa"]),
        ("\x00\xff", ["a\x00\xff"], ["\x00"]),
    ],
)
def test_a_pattern_searches(library, text, yes, no):
    pattern = compile_pattern(text, library=library)
    assert [pattern.search(subject) for subject in yes] == [True] * len(yes)
    assert [pattern.search(subject) for subject in no] == [False] * len(no)
    assert [pattern.find(subject) is not None for subject in yes + no] == [
        pattern.search(subject) for subject in yes + no
    ]


@BOTH
@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("(", "a group that never ends"),
        ("a)", "paren"),
        ("*", "nothing to repeat"),
        ("[", "a set that never ends"),
        ("a[[:alpha:]", "unterminated character set"),
        ("[z-a]", "bad character range"),
        ("a{2,1}", "min repeat greater than max"),
        ("\\", "bad escape"),
        (r"\Qa\E", r"bad escape \\Q"),
        (r"(a)\2", "group reference"),
        ("a(?i)b", r"\(\?i\) is not supported there"),
        ("(?u)a", r"\(\?u\) is not supported there"),
        ("(?V1)[a||b]", "is not supported there"),
        ("(?R)", "is not supported there"),
        ("(?1)(a)", "is not supported there"),
        ("(?|a|b)", "is not supported there"),
        ("(*FAIL)", "is not supported there"),
        ("(?x:a#(\n)", "is not supported there"),
        ("[[:nonsense:]]", r"\[:nonsense:\] is not supported"),
        ("[[:^alpha:]]", r"\[:\^alpha:\] is not supported"),
        ("(a{100}){101}", "over 10000 items with its counts written out"),
        ("a{99999999999999999999}", "over 10000 items"),
        ("(" * 51 + ")" * 51, "groups over 50 deep"),
        ("a" * 4097, "pattern over 4096 bytes"),
        ("(?<=a)(?P<b>", "a group that never ends"),
    ],
)
def test_a_pattern_that_cannot_be_used_is_refused(library, text, named):
    with pytest.raises(BadPattern, match=named):
        compile_pattern(text, library=library)


FOREVER = [
    ("(a*)*b", "a repetition inside a repetition"),
    ("(a+)+b", "a repetition inside a repetition"),
    ("(a?){5,}b", "a repetition inside a repetition"),
    ("(a{1,2})*b", "a repetition inside a repetition"),
    ("((a+)b?)+c", "a repetition inside a repetition"),
    ("(?:x+x+)+y", "a repetition inside a repetition"),
    ("(a|a)*b", "an alternative inside a repetition"),
    ("(a|b|ab)*c", "an alternative inside a repetition"),
    (r"(a)(?:\1)*b", "a back-reference inside a repetition"),
    (r"(a)(?:(?(1)a|b))*c", "."),
    ("(?:(?=a*)a)*b", "a repetition inside a repetition"),
    ("a?" * 30 + "a" * 30, "too many ways to match"),
    ("(a|aa)" * 30 + "b", "too many ways to match"),
    ("(?:a?){30}b", "too many ways to match"),
    (".*" * 6 + "b", "too many ways to match"),
]


@pytest.mark.parametrize(("text", "named"), FOREVER)
def test_without_regex_what_could_take_forever_is_refused(text, named):
    with pytest.raises(BadPattern, match=named):
        compile_pattern(text, library=None)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("text", [text for text, _ in FOREVER])
def test_with_regex_it_ends_after_a_while(text):
    told = []
    pattern = compile_pattern(text, library=regex)
    for subject in ("a" * 60, "a" * 5000 + "!", "ab" * 300, "x" * 300):
        pattern.search(subject, Watch(told.append))
    assert all("counts as no match" in line for line in told)


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "text",
    [
        *("(a)*b", "(?:ab)*?c", ".*a.*b", ".*?a.*?b", "(.)*(.)*b", "((a)(a)(a))*?b", "(?=(a)*b)"),
        *("(?:(a)?){14}b", "(?:a?b?){6}c", r"(.*)\1b", "(?:a{1,2}){10}b", "(?i)(a)*?B", "a.*b"),
        "(?:" + "|".join("a" * length for length in range(1, 30)) + ")(?:a)*?b",
        "(a|b|ab|a)(a|b|aa)(a|aa|aaa)(a|ab)(?:a)*?c",
    ],
)
def test_without_regex_the_worst_search_ends_soon(text):
    most = pattern_cost(text).subject_bytes_max(limits.SEARCH_STEPS_MAX)
    pattern = compile_pattern(text, library=None)
    for unit in ("a", "ab", "A"):
        told = []
        pattern.search((unit * most)[:most], Watch(told.append))
        assert not told
    pattern.search("a" * (most + 1), Watch(told.append))
    assert told == [
        f"pattern {text[:80]!r} counts as no match: "
        f"a text of {most + 1} bytes, it is safe up to {most}"
    ]


@BOTH
def test_one_evaluation_has_one_time_limit(library):
    told = []
    watch = Watch(told.append)
    pattern = compile_pattern("[a-z]x", library=library)
    subject = "a" * 6000 + "x"  # over what needs no watching
    assert pattern.search(subject, watch)
    watch.seconds = 0.0
    assert not pattern.search(subject, watch)
    assert pattern.find(subject, watch) is None
    assert pattern.sub(subject, "", watch) is None
    assert len(told) == 1 and "the time of this evaluation is used up" in told[0]


@pytest.mark.timeout(10)
def test_a_filter_with_many_costly_patterns_ends_soon_and_says_so():
    told = []
    text = " OR ".join(rf"/s LIKE '(a+)\{1}*{number}'" for number in range(1000))
    fields = {"/s": ["a" * 3000] * 1000}
    assert not parse_filter(text).matches(Scope(fields, tell=told.append))
    assert len(told) == 1


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    ("term", "fields"),
    [
        ("/a = /b", {"/a": [0] * 300, "/b": [1] * 300}),
        ("/a = 1", {"/a": [0] * 100_000}),
        ("UPPER(/a) = 'x'", {"/a": "a" * 10_000_000}),
        ("IF(/a = /b, 1, 0) + IF(/a = /b, 1, 0)", {"/a": [0] * 300, "/b": [1] * 300}),
    ],
)
def test_a_long_filter_on_a_big_message_ends_soon_and_says_so(term, fields):
    told = []
    count = (limits.EXPRESSION_BYTES_MAX - 10) // (len(term) + 4)
    found = parse_filter(f"0 = 1{f' OR {term}' * count}")
    assert not found.matches(Scope(fields, tell=told.append))
    assert told == ["the rest of an expression is NULL: it took 1.0 s"]
    assert not found.matches(Scope({}))


@pytest.mark.timeout(20)
def test_constants_that_grow_are_not_worked_out_beforehand():
    grown = "REPLACE(" * 8 + "'aaaa'" + ", 'a', 'aaaaaaaa')" * 8
    text = " OR ".join([f"LENGTH({grown}) = 1"] * 200)
    assert not parse_filter(text).matches(Scope())


def test_without_regex_installed_the_standard_library_does():
    program = (
        "import sys; sys.modules['regex'] = None; "
        "from amps_sandbox.expressions import BadPattern, Scope, parse_filter; "
        "print(parse_filter(\"/a LIKE 'b.d'\").matches(Scope({'/a': 'abcd'})))\n"
        "try: parse_filter(\"/a LIKE '(a*)*'\")\n"
        "except BadPattern: print('refused')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.split() == ["True", "refused"]


@BOTH
def test_find_and_sub(library):
    pattern = compile_pattern(r"(\w)(\d)?", library=library)
    assert pattern.find("-a1") == "a1"
    assert pattern.find("--") is None
    assert pattern.sub("a1-b", r"<\2\1\0\9>") == "<1aa1>-<bb>"
    empty = compile_pattern("x*", library=library)
    assert empty.find("abc") == ""
    assert empty.sub("ab", "-") == "-a-b-"
    assert pattern.sub("ab" * 9000, "x" * 1000) is None  # over the limit of texts


@BOTH
@pytest.mark.timeout(10)
def test_a_replacement_of_millions_ends_soon(library):
    told = []
    pattern = compile_pattern("[a]", library=library)
    assert pattern.sub("a" * 4_000_000, "b", Watch(told.append)) is None
    assert len(told) == 1


def test_a_literal_pattern_is_its_characters():
    pattern = literal_pattern(r"C++(")
    assert pattern.search("I like C++(") and not pattern.search("C")
    assert pattern.find("C++(") == "C++(" and pattern.find("x") is None
    assert pattern.sub("aC++(b", r"<\0\1>") == "a<C++(>b"
    assert literal_pattern("").sub("ab", "x") == "ab"


PIECES = st.sampled_from(
    [
        *(
            "a",
            "b",
            ".",
            "\\w",
            "[ab]",
            "(",
            ")",
            "(?:",
            "|",
            "*",
            "+",
            "?",
            "{2}",
            "{1,3}",
            "{2,}",
        ),
        *("--", "&&", "||", "~~", "[[:alpha:]]", "[[", "]]", "[^", "[:", ":]"),
        *("^", "$", "\\1", "(?=", "(?i)", "*?", "[", "]", "{", "\\", "-", "(?P<n>", "\\b", "\xe9"),
    ]
)


@BOTH
@pytest.mark.timeout(60)
def test_any_pattern_is_refused_or_ends_soon(library):
    @given(st.lists(PIECES, max_size=16).map("".join), st.text("ab-", max_size=200))
    def any_pattern(text, subject):
        try:
            pattern = compile_pattern(text, library=library)
        except BadPattern as refused:
            assert len(str(refused)) < 500
            return
        for each in (subject, "a" * 200, "ab" * 100 + "!"):
            assert pattern.search(each) in (True, False)

    any_pattern()


@given(st.lists(PIECES, max_size=10).map("".join), st.text("ab-\n", max_size=8))
def test_both_libraries_find_the_same(text, subject):
    try:
        pattern = compile_pattern(text, library=None)
        other = compile_pattern(text, library=regex)
    except BadPattern:
        return
    assert pattern.find(subject) == other.find(subject)


@pytest.mark.parametrize("size", [0, 1, limits.PATTERN_BYTES_MAX])
def test_a_pattern_of_letters_has_no_bound_on_the_text(size):
    text = "a" * size
    assert compile_pattern(text, library=None).search("b" * 10**6 + text)
