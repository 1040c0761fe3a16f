"""A section that is given in part is otherwise as its place has it by default."""

import pytest
from pydantic import Field, ValidationError

from envs.settings import Settings


class Inner(Settings):
    size: int = 1
    rate: float = 0.5


class Middle(Settings):
    inner: Inner = Inner(size=7)
    count: int = 3


class Outer(Settings):
    middle: Middle | None = Middle(inner=Inner(rate=0.1), count=9)
    plain: Inner = Inner()
    wanted: Inner = Field(Inner(rate=0.9), description="with a Field around it")


def test_the_rest_of_a_section_stays_as_its_place_has_it():
    made = Outer.model_validate({"middle": {"count": 4}, "wanted": {"size": 2}})
    assert made.middle == Middle(inner=Inner(rate=0.1), count=4)
    assert made.wanted == Inner(size=2, rate=0.9)
    assert made.plain == Inner()


def test_sections_within_sections_are_completed_from_where_they_lie():
    assert Outer.model_validate({"middle": {"inner": {"size": 2}}}).middle == Middle(
        inner=Inner(size=2, rate=0.1), count=9
    )
    assert Middle.model_validate({"inner": {"rate": 0.2}}).inner == Inner(size=7, rate=0.2)


def test_a_whole_section_or_none_is_taken_as_it_is():
    assert Outer(middle=Middle()).middle == Middle(inner=Inner(size=7), count=3)
    assert Outer.model_validate({"middle": None}).middle is None
    whole = Outer.model_validate({"middle": {"inner": {"size": 1, "rate": 0.5}, "count": 3}})
    assert whole.middle == Middle(inner=Inner(), count=3)


def test_what_was_written_is_read_again():
    made = Outer.model_validate({"middle": {"inner": {"size": 5}}, "plain": {"rate": 0.3}})
    assert Outer.model_validate(made.model_dump(mode="json")) == made


def test_mistakes_in_a_section_given_in_part_keep_their_place():
    with pytest.raises(ValidationError) as caught:
        Outer.model_validate({"middle": {"inner": {"sise": 2}}})
    assert caught.value.errors()[0]["loc"] == ("middle", "inner", "sise")
