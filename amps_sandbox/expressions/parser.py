"""Reads an expression, an order or a projection into a tree, by the grammar's own rules."""

from __future__ import annotations

from typing import Any, NoReturn

from . import lexer
from .catalogue import FUNCTIONS, PATTERN_ARGUMENT
from .errors import bad
from .lexer import IDENTIFIER_PARTS, Token, tokens, unescape, unquote
from .limits import INDEX_MAX, LIST_ITEMS_MAX, NESTING_MAX
from .tree import (
    Affix,
    And,
    Arithmetic,
    Between,
    Call,
    Compare,
    Field,
    In,
    Is,
    Like,
    Literal,
    Negative,
    Not,
    Or,
    Path,
)
from .values import literal_number

_COMPARISONS = {"==": "=", "<>": "!=", **{op: op for op in ("=", "!=", "<", "<=", ">", ">=")}}
_CONSTANTS = {"NULL": None, "TRUE": 1, "FALSE": 0}


class Parser:
    """Reads one text from left to right."""

    def __init__(self, text: str):
        self._tokens = tokens(text)
        self._next = 0
        self._depth = 0

    # Tokens

    @property
    def _token(self) -> Token:
        return self._tokens[self._next]

    def _take(self) -> Token:
        token = self._tokens[self._next]
        self._next += 1
        return token

    def _take_symbol(self, *symbols: str) -> str | None:
        """Takes the next token if it is one of these."""
        token = self._token
        if token.kind == lexer.SYMBOL and token.text in symbols:
            self._next += 1
            return token.text
        return None

    def _is_word(self, ahead: int, *words: str) -> bool:
        token = self._tokens[min(self._next + ahead, len(self._tokens) - 1)]
        return token.kind == lexer.WORD and token.text.upper() in words

    def _take_word(self, *words: str) -> str | None:
        if self._is_word(0, *words):
            return self._take().text.upper()
        return None

    def _need_symbol(self, symbol: str, after: str) -> None:
        if not self._take_symbol(symbol):
            self._refuse(f"{symbol!r} {after}")

    def _refuse(self, wanted: str) -> NoReturn:
        raise bad(f"expected {wanted}, found {self._token},", self._token.position)

    def end(self) -> None:
        """Refuses what is left."""
        if self._token.kind != lexer.END:
            self._refuse("an operator or the end")

    # The grammar, loosest first

    def expression(self) -> Any:
        self._depth += 1
        if self._depth > NESTING_MAX:
            raise bad(f"nested more than {NESTING_MAX} deep", self._token.position)
        operands = [self._and()]
        while self._take_word("OR"):
            operands.append(self._and())
        self._depth -= 1
        return operands[0] if len(operands) == 1 else Or(tuple(operands))

    def _and(self) -> Any:
        operands = [self._not()]
        while self._take_word("AND"):
            operands.append(self._not())
        return operands[0] if len(operands) == 1 else And(tuple(operands))

    def _not(self) -> Any:
        nots = 0
        while self._take_word("NOT"):
            nots += 1
        tree = self._predicate()
        for _ in range(nots if nots < 2 else 2 - nots % 2):  # a pair of them more changes nothing
            tree = Not(tree)
        return tree

    def _predicate(self) -> Any:
        left = self._sum()
        symbol = self._take_symbol(*_COMPARISONS)
        if symbol:
            return Compare(_COMPARISONS[symbol], left, self._sum())
        if self._take_word("IS"):
            is_not = self._take_word("NOT")
            what = self._take_word("NULL", "NAN") or self._refuse("NULL or NAN after IS")
            return Not(Is(left, what)) if is_not else Is(left, what)
        operators = ("IN", "BETWEEN", "LIKE", "BEGINS", "ENDS")
        if self._is_word(0, "NOT") and self._is_word(1, *operators):
            self._take()
            return Not(self._operator(left, str(self._take_word(*operators))))
        word = self._take_word(*operators)
        return self._operator(left, word) if word else left

    def _operator(self, left: Any, word: str) -> Any:
        if word == "BETWEEN":
            low = self._sum()
            if not self._take_word("AND"):
                self._refuse("AND of BETWEEN")
            return Between(left, low, self._sum())
        if word == "LIKE":
            return self._like(left)
        if word == "IN":
            self._need_symbol("(", "after IN")
            return In(left, self._list())
        if not self._take_word("WITH"):
            self._refuse(f"WITH after {word}")
        self._need_symbol("(", f"after {word} WITH")
        return Affix(word, left, self._list())

    def _like(self, left: Any) -> Like:
        if self._token.kind not in (lexer.STRING, lexer.RAW):
            self._refuse("a text in quotes after LIKE")
        token = self._take()
        return Like(left, unquote(token.text), token.kind == lexer.RAW, token.position)

    def _list(self) -> tuple[Any, ...]:
        """Expressions up to the closing parenthesis, at least one."""
        items = [self.expression()]
        while self._take_symbol(","):
            items.append(self.expression())
            if len(items) > LIST_ITEMS_MAX:
                raise bad(f"more than {LIST_ITEMS_MAX} in one list", self._token.position)
        self._need_symbol(")", "or ','")
        return tuple(items)

    def _sum(self) -> Any:
        return self._chain(self._product, ("+", "-"), ())

    def _product(self) -> Any:
        return self._chain(self._unary, ("*", "/", "%"), ("MOD",))

    def _chain(self, operand: Any, symbols: tuple[str, ...], words: tuple[str, ...]) -> Any:
        first = operand()
        rest = []
        while True:
            operator = self._take_symbol(*symbols) or self._take_word(*words)
            if operator is None:
                return Arithmetic(first, tuple(rest)) if rest else first
            rest.append(("%" if operator == "MOD" else operator, operand()))

    def _unary(self) -> Any:
        sign = self._take_symbol("-", "+")
        tree = self._primary()
        return Negative(tree) if sign == "-" else tree

    def _primary(self) -> Any:
        token = self._token
        if token.kind == lexer.WORD:
            return self._word()
        if token.kind == lexer.IDENTIFIER:
            return self.identifier()
        if token.kind == lexer.NUMBER:
            return Literal(literal_number(self._take().text))
        if token.kind == lexer.STRING:
            return Literal(unescape(self._take().text) or None)
        if self._take_symbol("("):
            tree = self.expression()
            self._need_symbol(")", "to close a '('")
            return tree
        return self._refuse("a value")

    def _word(self) -> Any:
        token = self._take()
        name = token.text.upper()
        is_call = self._take_symbol("(")
        if is_call and name in FUNCTIONS:
            return self._call(name, token.position)
        if not is_call and name in _CONSTANTS:
            return Literal(_CONSTANTS[name])
        kind = "function" if is_call else "word"
        raise bad(f"unknown {kind} {token.text[:40]!r}", token.position)

    def _call(self, name: str, position: int) -> Call:
        least, most = FUNCTIONS[name].least, FUNCTIONS[name].most
        arguments: list[Any] = []
        if not self._take_symbol(")"):
            while True:
                arguments.append(self._argument(name, len(arguments)))
                if len(arguments) > LIST_ITEMS_MAX:
                    raise bad(f"more than {LIST_ITEMS_MAX} arguments", self._token.position)
                if not self._take_symbol(","):
                    break
            self._need_symbol(")", f"to close {name}(")
        if not least <= len(arguments) <= most:
            takes = str(least) if least == most else f"{least} to {most}"
            takes = f"{least} or more" if most >= LIST_ITEMS_MAX else takes
            raise bad(f"{name} takes {takes} argument(s), not {len(arguments)},", position)
        return Call(name, tuple(arguments), position)

    def _argument(self, name: str, index: int) -> Any:
        """One argument; a literal pattern reaches the regular expressions as it was written."""
        if PATTERN_ARGUMENT.get(name) == index and self._token.kind == lexer.STRING:
            after = self._tokens[self._next + 1]
            if after.kind == lexer.SYMBOL and after.text in (",", ")"):
                return Literal(unquote(self._take().text))
        return self.expression()

    def identifier(self) -> Path:
        if self._token.kind != lexer.IDENTIFIER:
            self._refuse("a path")
        token = self._take()
        parts = IDENTIFIER_PARTS.fullmatch(token.text)
        if parts is None:
            raise bad("an identifier that is none", token.position)
        index = parts["index"]
        if index is not None and (len(index) > 10 or int(index) > INDEX_MAX):
            raise bad(f"an index over {INDEX_MAX}", token.position)
        qualifier = None
        if parts["first"]:
            has_type = parts["second"] is not None
            topic = parts["second"] if has_type else parts["first"]
            qualifier = (parts["first"] if has_type else None, topic)
        where = None if index is None else int(index)
        return Path(parts["path"] or parts["quoted"], where, qualifier)

    # What is not a filter

    def order(self) -> list[tuple[Path, bool]]:
        """`path [ASC|DESC]` and commas, to the end; (path, whether descending)."""
        found = []
        while True:
            path = self.identifier()
            found.append((path, self._take_word("ASC", "DESC") == "DESC"))
            if len(found) > LIST_ITEMS_MAX:
                raise bad(f"more than {LIST_ITEMS_MAX} in one list", self._token.position)
            if not self._take_symbol(","):
                self.end()
                return found

    def fields(self) -> list[Field]:
        """`expression [AS path]` and commas, to the end."""
        found: list[Field] = []
        while True:
            position = self._token.position
            value = self.expression()
            if self._take_word("AS"):
                position = self._token.position
                name = self.identifier()
                if name.index is not None or name.qualifier is not None:
                    raise bad("a plain path must follow AS", position)
                found.append(Field(value, name.path, position))
            elif isinstance(value, Path):
                found.append(Field(value, value.path, position))
            else:
                self._refuse("AS and a path")
            if len(found) > LIST_ITEMS_MAX:
                raise bad(f"more than {LIST_ITEMS_MAX} in one list", self._token.position)
            if not self._take_symbol(","):
                self.end()
                return found


def parse(text: str) -> Any:
    """The tree of one expression. Raises BadExpression.

    >>> parse("1 + /n > 2").operator
    '>'
    """
    parser = Parser(text)
    tree = parser.expression()
    parser.end()
    return tree
