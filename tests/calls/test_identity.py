"""Whose a call is: rules in order, attributes, inheritance from the spans above."""

from datetime import date

import pytest

from pipeline.settings import Settings
from pipeline.team_settings import Identity, TeamRule

USAGE = {"input_tokens": 10, "output_tokens": 5}


def settings(*rules: TeamRule) -> Settings:
    return Settings(teams=rules)


def teams(calls) -> list[str]:
    return calls.calls["team"].to_list()


@pytest.mark.parametrize(
    ("rule", "team"),
    [
        (TeamRule(team="shops", service="sh*"), "shops"),
        (TeamRule(team="shops", service="SH*"), "unowned"),
        (TeamRule(team="shops", service="sh[ao]p"), "shops"),
        (TeamRule(team="shops", project_id="proj_1"), "shops"),
        (TeamRule(team="shops", project_id="proj_2"), "unowned"),
        (TeamRule(team="shops", span_attribute={"unit": "c*"}), "shops"),
        (TeamRule(team="shops", span_attribute={"unit": "c*", "tier": "x"}), "unowned"),
        (TeamRule(team="shops", resource_attribute={"k8s.ns": "pay"}), "shops"),
        (TeamRule(team="shops", service="shop", resource_attribute={"k8s.ns": "web"}), "unowned"),
        (TeamRule(team="shops"), "shops"),
    ],
)
def test_every_condition_of_a_rule_must_hold(resolved, rule, team) -> None:
    call = {"project_id": "proj_1", "labels": '{"unit":"cart"}', "resource_labels": '{"k8s.ns":"pay"}'}

    assert teams(resolved({**call, **USAGE}, settings=settings(rule))) == [team]


def test_the_first_rule_that_matches_wins(resolved) -> None:
    rules = (TeamRule(team="first", service="shop"), TeamRule(team="second", service="*"))

    calls = resolved(USAGE, {"service": "search", **USAGE}, settings=settings(*rules))

    assert teams(calls) == ["first", "second"]


@pytest.mark.parametrize(
    ("dates", "team"),
    [
        ({"valid_from": date(2026, 10, 5)}, "new"),
        ({"valid_from": date(2026, 10, 6)}, "unowned"),
        ({"valid_to": date(2026, 10, 6)}, "new"),
        ({"valid_to": date(2026, 10, 5)}, "unowned"),
    ],
)
def test_a_rule_holds_from_its_first_day_until_the_day_on_which_it_no_longer_holds(
    resolved, dates, team
) -> None:
    rule = TeamRule(team="new", service="shop", **dates)

    assert teams(resolved(USAGE, settings=settings(rule))) == [team]


@pytest.mark.parametrize(
    ("given", "team"),
    [
        ({"labels": '{"team":"span"}', "resource_labels": '{"team":"resource"}'}, "span"),
        ({"resource_labels": '{"team":"resource"}'}, "resource"),
        ({"labels": '{"owner.team":"later","team.name":"sooner"}'}, "sooner"),
        ({"labels": '{"team":""}'}, "above"),
        ({}, "above"),
    ],
)
def test_attributes_name_a_team_on_the_span_its_resource_or_the_nearest_span_above(
    resolved, given, team
) -> None:
    calls = resolved(
        {"id": "1", "scope": "app", "labels": '{"team":"top"}'},
        {"id": "2", "scope": "app", "parent": "1", "labels": '{"team":"above"}'},
        {"id": "3", "scope": "app", "parent": "2"},
        {"id": "4", "parent": "3", **given, **USAGE},
    )

    assert teams(calls) == [team]
    assert calls.calls["initiating_team"].to_list() == ["top"]


def test_rules_see_attributes_of_the_spans_above_but_not_their_service(resolved) -> None:
    rules = (TeamRule(team="by service", service="web"), TeamRule(team="by label", span_attribute={"u": "x"}))
    calls = resolved(
        {"id": "1", "scope": "app", "service": "web", "labels": '{"u":"x"}'},
        {"id": "2", "parent": "1", "service": "llm", **USAGE},
        settings=settings(*rules),
    )

    row = calls.calls.row(0, named=True)
    assert (row["team"], row["service"]) == ("by label", "llm")
    assert (row["initiating_team"], row["initiating_service"]) == ("by service", "web")


def test_the_attributes_that_name_a_team_and_a_feature_are_configured(resolved) -> None:
    identity = Identity(team_attributes=("squad",), feature_attributes=("area",))
    labels = '{"squad":"shops","area":"cart","team":"other","feature":"other"}'

    row = resolved({"labels": labels, **USAGE}, settings=Settings(identity=identity)).calls.row(0, named=True)

    assert (row["team"], row["feature"]) == ("shops", "cart")


def test_feature_environment_and_conversation_are_carried(resolved) -> None:
    calls = resolved(
        {"id": "1", "scope": "app", "labels": '{"feature":"search"}', "conversation_id": "c"},
        {"id": "2", "parent": "1", "environment": "prod", **USAGE},
    )

    row = calls.calls.row(0, named=True)
    assert (row["feature"], row["environment"], row["conversation_id"]) == ("search", "prod", "c")


@pytest.mark.parametrize(
    ("root", "initiating"),
    [
        ({"service": "gateway"}, "shops"),
        ({"service": "gateway", "labels": '{"unit":"pay"}'}, "payments"),
        ({"service": "web"}, "unowned"),
    ],
)
def test_a_trace_that_begins_in_the_calls_own_service_was_initiated_by_its_team(
    resolved, root, initiating
) -> None:
    rules = (
        TeamRule(team="shops", span_attribute={"unit": "cart"}),
        TeamRule(team="payments", span_attribute={"unit": "pay"}),
    )
    calls = resolved(
        {"id": "1", "scope": "app", **root},
        {"id": "2", "parent": "1", "service": "gateway", "labels": '{"unit":"cart"}', **USAGE},
        settings=settings(*rules),
    )

    assert calls.calls["team"].to_list() == ["shops"]
    assert calls.calls["initiating_team"].to_list() == [initiating]


def test_what_is_not_written_is_named_unknown(resolved) -> None:
    row = resolved({"service": None, **USAGE}).calls.row(0, named=True)

    assert (row["service"], row["environment"], row["feature"]) == ("unknown", "unknown", "")
    assert (row["team"], row["initiating_team"], row["conversation_id"]) == ("unowned", "unowned", None)


def test_the_root_of_the_trace_initiates_even_where_the_chain_is_broken(resolved) -> None:
    calls = resolved(
        {"id": "1", "scope": "app", "service": "web"}, {"id": "2", "parent": "lost", "at": 5, **USAGE}
    )

    assert calls.calls["initiating_service"].to_list() == ["web"]
