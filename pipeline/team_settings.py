"""Who owns a call: `[[scopes]]`, `[[teams]]` and `[identity]`."""

from datetime import date
from typing import Annotated

from pydantic import AfterValidator, Field

from pipeline.allocation_settings import refuse_pool
from pipeline.sections import Section

Team = Annotated[str, AfterValidator(refuse_pool)]
"""Name of a team."""


class Scope(Section):
    """A place where traced and metered can meet that is narrower than an account."""

    name: str
    provider: str
    account: str | None = None
    project_ids: tuple[str, ...] = ()
    """Projects or workspaces of the export."""
    api_key_ids: tuple[str, ...] = ()
    """API keys of the export."""
    services: tuple[str, ...] = ()
    """Globs of service names whose calls use it."""
    team: Team | None = None
    """Team that owns what no call explains; without it, a pool."""


class TeamRule(Section):
    """One rule that gives calls to a team; rules are tried in order, the first match wins."""

    team: Team
    service: str | None = None
    """Glob of the service name."""
    span_attribute: dict[str, str] = Field(default_factory=dict)
    """Span attributes and the globs of their values; all must match."""
    resource_attribute: dict[str, str] = Field(default_factory=dict)
    """Resource attributes and the globs of their values; all must match."""
    project_id: str | None = None
    valid_from: date | None = None
    valid_to: date | None = None
    """First day on which the rule no longer holds."""


class Identity(Section):
    """Attributes whose value is a team, a feature or a conversation, on the span or its resource."""

    team_attributes: tuple[str, ...] = ("team", "team.name", "owner.team")
    feature_attributes: tuple[str, ...] = ("feature", "feature.name", "app.feature")
    conversation_attributes: tuple[str, ...] = ("gen_ai.conversation.id", "session.id", "conversation.id")
