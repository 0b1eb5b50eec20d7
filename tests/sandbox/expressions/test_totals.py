"""Aggregates that values are taken back from give what the values left would give."""

import math
import random

import pytest

from amps_sandbox.expressions.aggregates import AGGREGATES, Average, Sum

VALUES = [1, 2, 2.0, 0.1, 0.2, -0.3, 1e300, -1e300, 5e-324, 2**63, -(2**63), "2", "10", "text"]
ODD = [*VALUES, math.nan, math.inf, -math.inf]


def result(make, values):
    gathered = make()
    for value in values:
        gathered.add(value)
    return gathered.result()


def same(left, right):
    return left == right or (left != left and right != right)


@pytest.mark.parametrize("values", [VALUES, ODD])
@pytest.mark.parametrize("name", AGGREGATES)
def test_what_was_added_can_be_taken_back_or_it_is_said_that_it_cannot(name, values):
    rng = random.Random(name)
    make = AGGREGATES[name][2]
    gathered, left, refused = make(), [], 0
    for _ in range(3000):
        if left and rng.random() < 0.45:
            value = left.pop(rng.randrange(len(left)))
            if not gathered.remove(value):
                refused += 1
                gathered = make()
                for one in left:
                    gathered.add(one)
        else:
            left.append(rng.choice(values))
            gathered.add(left[-1])
        assert same(gathered.result(), result(make, left)), left
    assert refused == 0 or name not in ("SUM", "AVG", "COUNT", "COUNT_DISTINCT")


def test_a_sum_is_exact_in_any_order():
    numbers = [0.1] * 10 + [1e16, 1, -1e16, 0.25]
    rng = random.Random(1)
    for _ in range(50):
        rng.shuffle(numbers)
        assert result(Sum, numbers) == math.fsum(numbers)
        assert result(Average, numbers) == math.fsum(numbers) / len(numbers)


@pytest.mark.parametrize(
    ("values", "total"),
    [
        ([2**63, 2**63], float(2**64)),
        ([2**63, 2**63, -(2**63)], 2**63),
        ([1e308, 1e308], math.inf),
        ([-1e308, -1e308], -math.inf),
        ([1e308, 1e308, -1e308], 1e308),
        ([math.inf, 1], math.inf),
        ([1, -math.inf, 0.5], -math.inf),
    ],
)
def test_a_sum_may_leave_the_range_and_come_back(values, total):
    assert result(Sum, values) == total
    assert type(result(Sum, values)) is type(total)


def test_infinities_of_both_signs_have_no_sum():
    assert math.isnan(result(Sum, [math.inf, -math.inf, 1]))
