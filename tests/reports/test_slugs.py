import re

from hypothesis import given
from hypothesis import strategies as st

from reports.slugs import slugs


@given(st.lists(st.text(), max_size=20))
def test_slugs_are_safe_unique_and_independent_of_order(names: list[str]) -> None:
    found = slugs(names)
    assert len(set(found.values())) == len(set(names))
    assert all(re.fullmatch(r"[a-z0-9-]{1,110}", slug) for slug in found.values())
    assert slugs(reversed(names)) == found


def test_a_clean_name_is_its_own_slug() -> None:
    assert slugs(["payments", "team-7"]) == {"payments": "payments", "team-7": "team-7"}


def test_a_slug_does_not_depend_on_the_other_names() -> None:
    assert slugs(["Payments"])["Payments"] == slugs(["payments", "Payments", "x"])["Payments"]


def test_paths_and_reserved_names_become_harmless() -> None:
    found = slugs(["../../etc/passwd", "con", "", "支付", "<script>", "a" * 500])
    assert re.fullmatch(r"etc-passwd-[0-9a-f]{6}", found["../../etc/passwd"])
    assert re.fullmatch(r"con-[0-9a-f]{6}", found["con"])
    assert re.fullmatch(r"team-[0-9a-f]{6}", found[""])
    assert re.fullmatch(r"team-[0-9a-f]{6}", found["支付"])
    assert re.fullmatch(r"script-[0-9a-f]{6}", found["<script>"])
    assert len(found["a" * 500]) < 60


def test_a_team_named_like_the_slug_of_another_takes_nothing_from_it() -> None:
    other = slugs(["Payments"])["Payments"]
    assert len(set(slugs(["Payments", other]).values())) == 2
