"""Reads expressions a second time, with a grammar written for lark, to compare with our parser.

Trees come out as nested tuples. The arity of each function is listed anew from the specification.
"""

from functools import lru_cache

from lark import Lark, Transformer, UnexpectedInput, v_args

GRAMMAR = r"""
?start: or
?or: and (_OR and)*                                -> or_
?and: not (_AND not)*                              -> and_
?not: nots predicate                               -> not_
    | predicate
!nots: _NOT+
?predicate: sum
    | sum COMP sum                                 -> compare
    | sum _IN list                                 -> in_
    | sum _NOT _IN list                            -> not_in
    | sum _BETWEEN sum _AND sum                    -> between
    | sum _NOT _BETWEEN sum _AND sum               -> not_between
    | sum _LIKE pattern                            -> like
    | sum _NOT _LIKE pattern                       -> not_like
    | sum (BEGINS|ENDS) _WITH list                 -> affix
    | sum _NOT (BEGINS|ENDS) _WITH list            -> not_affix
    | sum _IS (NULL|NAN)                           -> is_
    | sum _IS _NOT (NULL|NAN)                      -> is_not
list: "(" or ("," or)* ")"
pattern: STRING | RAW
?sum: product ((PLUS|MINUS) product)*              -> chain
?product: unary ((STAR|SLASH|PERCENT|MOD) unary)*  -> chain
?unary: primary
    | MINUS primary                                -> negative
    | PLUS primary                                 -> positive
?primary: NUMBER                                   -> number
    | STRING                                       -> string
    | NULL                                         -> null
    | TRUE                                         -> true
    | FALSE                                        -> false
    | IDENTIFIER                                   -> identifier
    | name "(" [or ("," or)*] ")"                  -> call
    | "(" or ")"                                   -> group
!name: NAME

COMP: "==" | "=" | "!=" | "<>" | ">=" | ">" | "<=" | "<"
PLUS: "+"
MINUS: "-"
STAR: "*"
PERCENT: "%"
SLASH: /\/(?=[ \t\r\n\f\v(])/
_OR.3: /or(?![a-z0-9_])/i
_AND.3: /and(?![a-z0-9_])/i
_NOT.3: /not(?![a-z0-9_])/i
_IN.3: /in(?![a-z0-9_])/i
_IS.3: /is(?![a-z0-9_])/i
_BETWEEN.3: /between(?![a-z0-9_])/i
_LIKE.3: /like(?![a-z0-9_])/i
_WITH.3: /with(?![a-z0-9_])/i
BEGINS.3: /begins(?![a-z0-9_])/i
ENDS.3: /ends(?![a-z0-9_])/i
NULL.3: /null(?![a-z0-9_])/i
NAN.3: /nan(?![a-z0-9_])/i
TRUE.3: /true(?![a-z0-9_])/i
FALSE.3: /false(?![a-z0-9_])/i
MOD.3: /mod(?![a-z0-9_])/i
NAME: /[a-z_][a-z0-9_]*/i
RAW.4: /[rR]('([^'\\]|\\[\s\S])*'|"([^"\\]|\\[\s\S])*")/
STRING: /'([^'\\]|\\[\s\S])*'|"([^"\\]|\\[\s\S])*"/
NUMBER: /([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?/
IDENTIFIER.5: /(\[[^\]]+\]\.){0,2}(\[\/[^\]]+\]|(\/@?[\w.:\x80-\U0010ffff-]+)+)(\[[0-9]+\])?/
%ignore /[ \t\r\n\f\v]+/
"""

ARITIES = """
IF 3|COALESCE 1+|INSTR 2|INSTR_I 2|STREQUAL_I 2|SUBSTR 2 3|REVERSE 1|UPPER 1|LOWER 1|CONCAT 1+
|REPLACE 3|REGEXP_REPLACE 3|REGEXP_MATCH 2|LENGTH 1|TRIM 1|LTRIM 1|RTRIM 1|LEFT 2|RIGHT 2|ABS 1
|CEILING 1|FLOOR 1|ROUND 1 2|SIGN 1|SQRT 1|POWER 2|EXP 1|LOG2 1|LN 1|LOG10 1|GREATEST 1+|LEAST 1+
|SIN 1|COS 1|TAN 1|ASIN 1|ACOS 1|ATAN 1|ATAN2 2|DEGREES 1|RADIANS 1|WIDTH_BUCKET 4|ARRAY_COUNT 1
|ARRAY_MIN 1|ARRAY_MAX 1|ARRAY_SUM 1|ARRAY_TO_STRING 2|UNIX_TIMESTAMP 0|STRFTIME 2|STRPTIME 2
|YEAR 1|MONTH 1|DAY 1|DATE_UTC 1|TODAY_UTC 0|TODAY 0|DATE 1|TIMEZONEOFFSET 0|TOPIC_NAME 0|SOW_KEY 0
|BOOKMARK 0|CORRELATION_ID 0|MESSAGE_SIZE 0|LAST_UPDATED 0|LEASE_COUNT 0|LAST_LEASED 0
|CLIENT_NAME 0|USER 0|AMPS_INSTANCE_NAME 0|CRC32 1|CRC64 1|GEO_DISTANCE 4|NAN_VALUE 0|CHAR_VALUE 1
|TRUE_VALUE 0|FALSE_VALUE 0|SUM 1|AVG 1|MIN 1|MAX 1|COUNT 1|COUNT_DISTINCT 1|ANY 1|UNIQUE 1
|STDDEV_POP 1|GROUP_CONCAT 1 2
"""
COUNTS = {row.split()[0]: row.split()[1:] for row in ARITIES.replace("\n", "").split("|")}


class Refused(ValueError):
    """The second parser does not take the text."""


def takes(name, count):
    """Whether a function takes so many arguments."""
    counts = COUNTS.get(name, ())
    return str(count) in counts or (count > 0 and "1+" in counts)


def number(text):
    if set(text) & set(".eE"):
        return float(text)
    value = int(text)
    return value if value < 2**64 else float(value) if value < 10**308 else float("inf")


def unescaped(text):
    """A string's value, read character by character."""
    found, place = [], 0
    while place < len(text):
        if text[place] != "\\":
            found.append(text[place])
            place += 1
            continue
        octal, hexadecimal = text[place + 1 : place + 4], text[place + 2 : place + 4]
        if len(octal) == 3 and octal[0] in "0123" and all(c in "01234567" for c in octal):
            found.append(chr(int(octal, 8)))
            place += 4
        elif (
            text[place + 1] == "x"
            and len(hexadecimal) == 2
            and all(c in "0123456789abcdefABCDEF" for c in hexadecimal)
        ):
            found.append(chr(int(hexadecimal, 16)))
            place += 4
        else:
            found.append(dict(zip("abtnfr", "\a\b\t\n\f\r")).get(text[place + 1], text[place + 1]))
            place += 2
    return "".join(found)


def unquoted(text):
    """A pattern's text: only escaped quotes are taken off their backslash."""
    found, place = [], 0
    while place < len(text):
        pair = text[place : place + 2]
        found.append(pair[1] if pair in ("\\'", '\\"') else pair if pair[0] == "\\" else pair[0])
        place += 2 if pair[0] == "\\" else 1
    return "".join(found)


@v_args(inline=True)
class ToTuples(Transformer):
    """Makes nested tuples of lark's trees."""

    def or_(self, *operands):
        return ("or", *operands) if len(operands) > 1 else operands[0]

    def and_(self, *operands):
        return ("and", *operands) if len(operands) > 1 else operands[0]

    def nots(self, *words):
        return len(words)

    def not_(self, count, operand):
        for _ in range(min(count, 2 - count % 2)):  # a pair of them more changes nothing
            operand = ("not", operand)
        return operand

    def list(self, *items):
        return items

    def pattern(self, token):
        is_raw = token.type == "RAW"
        return (unquoted(token[2:-1] if is_raw else token[1:-1]), is_raw)

    def compare(self, left, operator, right):
        return ("compare", {"==": "=", "<>": "!="}.get(operator, str(operator)), left, right)

    def in_(self, item, choices):
        return ("in", item, *choices)

    def between(self, item, low, high):
        return ("between", item, low, high)

    def like(self, item, pattern):
        return ("like", item, *pattern)

    def affix(self, item, operator, choices):
        return ("affix", operator.upper(), item, *choices)

    def is_(self, item, what):
        return ("is", item, what.upper())

    def not_in(self, *parts):
        return ("not", self.in_(*parts))

    def not_between(self, *parts):
        return ("not", self.between(*parts))

    def not_like(self, *parts):
        return ("not", self.like(*parts))

    def not_affix(self, *parts):
        return ("not", self.affix(*parts))

    def is_not(self, *parts):
        return ("not", self.is_(*parts))

    def chain(self, *parts):
        if len(parts) == 1:
            return parts[0]
        operators = {"MOD": "%"}
        rest = [
            operators.get(part.upper(), str(part)) if isinstance(part, str) else part
            for part in parts[1:]
        ]
        return ("chain", parts[0], *rest)

    def negative(self, _sign, operand):
        return ("negative", operand)

    def positive(self, _sign, operand):
        return operand

    def group(self, tree):
        return tree

    def number(self, token):
        return ("literal", number(token))

    def string(self, token):
        return ("literal", unescaped(token[1:-1]) or None, token[1:-1])

    def null(self, _token):
        return ("literal", None)

    def true(self, _token):
        return ("literal", 1)

    def false(self, _token):
        return ("literal", 0)

    def name(self, token):
        return str(token).upper()

    def identifier(self, token):
        return identifier(str(token))

    def call(self, name, *arguments):
        arguments = [argument for argument in arguments if argument is not None]
        if not takes(name, len(arguments)):
            raise Refused(f"{name} of {len(arguments)}")
        if name.startswith("REGEXP") and len(arguments[1]) == 3:
            arguments[1] = ("literal", unquoted(arguments[1][2]))
        return ("call", name, *arguments)


def identifier(text):
    """A path, its index and its qualifier, taken off one after the other."""
    qualifiers, index = [], None
    while text.startswith("[") and "]." in text and text.index("]") == text.index("]."):
        qualifiers.append(text[1 : text.index("]")])
        text = text[text.index("]") + 2 :]
    if text.startswith("["):
        path, _, rest = text[1:].partition("]")
        index = rest[1:-1]
    else:
        path, _, index = text.partition("[")
        index = index.rstrip("]")
    index = int(index) if index else None
    if index is not None and index >= 2**31:
        raise Refused("index")
    qualifier = (None, *qualifiers)[-2:] if qualifiers else None
    return ("path", path, index, qualifier)


def plain(tree):
    """The tree without what only the transformer needed: the text of a string."""
    if isinstance(tree, tuple):
        if tree[:1] == ("literal",):
            return tree[:2]
        return tuple(plain(part) for part in tree)
    return tree


@lru_cache(maxsize=1)
def parser():
    return Lark(GRAMMAR, parser="lalr", lexer="basic", maybe_placeholders=False)


def second_parse(text):
    """The text's tree. Raises Refused."""
    try:
        return plain(ToTuples().transform(parser().parse(text)))
    except UnexpectedInput as error:
        raise Refused(str(error)) from error
    except Exception as error:
        if isinstance(error.__context__, Refused):
            raise error.__context__ from error
        raise
