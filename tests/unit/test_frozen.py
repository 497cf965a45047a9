import pytest

from inner.frozen import fields, frozen, replace


@frozen
class Point:
    x: int
    y: int = 2


def test_a_record_is_made_by_position_or_by_name():
    assert Point(1) == Point(x=1, y=2) == Point(1, 2)
    assert repr(Point(1)) == "Point(x=1, y=2)"
    assert fields(Point(1)) == ("x", "y")


@pytest.mark.parametrize("make", [lambda: Point(), lambda: Point(1, 2, 3), lambda: Point(1, z=3)])
def test_wrong_fields_are_a_type_error(make):
    with pytest.raises(TypeError):
        make()


def test_a_record_cannot_be_changed():
    with pytest.raises(AttributeError):
        Point(1).x = 3
    with pytest.raises(AttributeError):
        del Point(1).x


def test_replace_makes_another_one():
    assert replace(Point(1), y=5) == Point(1, 5)
    with pytest.raises(TypeError):
        replace(Point(1), z=5)


def test_records_hash_and_match():
    assert len({Point(1), Point(1, 2), Point(2)}) == 2
    match Point(3, 4):
        case Point(x, y=4):
            assert x == 3
        case _:
            raise AssertionError
