"""Makes the functions of a Scope that compare: operators, IN, BETWEEN, LIKE, BEGINS WITH."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Callable

from .patterns import Pattern
from .scope import Scope
from .values import TESTS, Truth, any_true, compare, text_of

Run = Callable[[Scope], Any]
Decide = Callable[[Scope], Truth]

FLIPPED = {"=": "=", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


def of_two(operator: str, left: Run, right: Run) -> Decide:
    test = TESTS[operator]
    return lambda scope: compare(test, left(scope), right(scope))


def with_constant(operator: str, path: str, constant: Any) -> Decide:
    """A field with a constant: the usual term of a filter, so the usual types take a short way."""
    test = TESTS[operator]

    def number(scope: Scope) -> Truth:
        value = scope.fields.get(path)
        kind = value.__class__
        if kind is int or kind is float:
            return 1 if test(value, constant) else 0
        return compare(test, value, constant)

    def text(scope: Scope) -> Truth:
        value = scope.fields.get(path)
        if value.__class__ is str and value:
            return 1 if test(value, constant) else 0
        return compare(test, value, constant)

    if constant is None:
        return lambda scope: None
    return text if isinstance(constant, str) else number


def _or_chain(truths: Any) -> Truth:
    """Operands joined by OR: the first that is true or NULL decides."""
    for value in truths:
        if value or value is None:
            return value
    return 0


def in_list(item: Run, choices: Sequence[Run]) -> Decide:
    equal = TESTS["="]

    def run(scope: Scope) -> Truth:
        value = item(scope)
        return _or_chain(compare(equal, value, choice(scope)) for choice in choices)

    return run


def in_constants(item: Run, choices: Sequence[Any]) -> Decide:
    """IN of constants; the usual types need one look-up."""
    equal = TESTS["="]
    is_text = all(isinstance(choice, str) for choice in choices)
    is_number = all(isinstance(choice, (int, float)) and choice == choice for choice in choices)
    known = frozenset(choices) if is_text or is_number else frozenset()
    kinds = (str,) if is_text else (int, float) if is_number else ()

    def run(scope: Scope) -> Truth:
        value = item(scope)
        if value.__class__ in kinds and value != "":
            return 1 if value in known else 0
        return _or_chain(compare(equal, value, choice) for choice in choices)

    return run


def between(item: Run, low: Run, high: Run) -> Decide:
    at_least, at_most = TESTS[">="], TESTS["<="]

    def run(scope: Scope) -> Truth:
        value, least, most = item(scope), low(scope), high(scope)
        if value.__class__ is list:
            return any_true(_and(each, least, most) for each in value)
        return _and(value, least, most)

    def _and(value: Any, least: Any, most: Any) -> Truth:
        is_enough = compare(at_least, value, least)
        return compare(at_most, value, most) if is_enough else is_enough

    return run


def like(item: Run, pattern: Pattern) -> Decide:
    search = pattern.search

    def matches(value: Any, scope: Scope) -> Truth:
        text = text_of(value)
        return None if text is None else 1 if search(text, scope.watch) else 0

    def run(scope: Scope) -> Truth:
        value = item(scope)
        if value.__class__ is list:
            return any_true(matches(each, scope) for each in value)
        return matches(value, scope)

    return run


def affix(operator: str, item: Run, choices: Sequence[Run]) -> Decide:
    test = str.startswith if operator == "BEGINS" else str.endswith

    def run(scope: Scope) -> Truth:
        text = text_of(item(scope))
        if text is None:
            return None
        return _or_chain(_passes(text, text_of(choice(scope))) for choice in choices)

    def _passes(text: str, choice: Any) -> Truth:
        return None if choice is None else 1 if test(text, choice) else 0

    return run
