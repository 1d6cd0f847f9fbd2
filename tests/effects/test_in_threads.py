"""Work by a few threads comes out in order, and ends when nobody wants it."""

import threading
import time

import pytest

from faceswap_cli.effects.in_threads import map_in_order


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_results_come_in_the_order_of_the_items(threads: int) -> None:
    def work(number: int) -> int:
        time.sleep(0.02 if number % 3 == 0 else 0)
        return number * number

    assert list(map_in_order(work, range(10), threads)) == [number * number for number in range(10)]


def test_two_are_worked_on_at_the_same_time() -> None:
    both = threading.Barrier(2, timeout=20)
    assert len(list(map_in_order(lambda number: both.wait() + number, range(4), 2))) == 4


@pytest.mark.parametrize("threads", [1, 2])
def test_an_error_comes_where_its_result_would(threads: int) -> None:
    def work(number: int) -> int:
        if number == 2:
            raise ValueError("two")
        return number

    results = map_in_order(work, range(5), threads)
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(ValueError, match="two"):
        next(results)


def test_little_is_taken_ahead_and_nothing_after_it_is_closed() -> None:
    taken: list[int] = []

    def items():
        for number in range(100):
            taken.append(number)
            yield number

    results = map_in_order(lambda number: number, items(), 2)
    assert next(results) == 0 and len(taken) <= 3
    results.close()
    assert len(taken) <= 3
