"""What providers say of themselves holds together."""

from zoneinfo import ZoneInfo

import pytest
from genai_prices.data_snapshot import get_snapshot

from pipeline.providers import PROVIDERS
from schemas.types import TOKEN_KINDS

EACH = pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: provider.slug)


@EACH
def test_an_alias_leads_to_a_model_and_not_to_another_alias(provider) -> None:
    assert not set(provider.model_aliases) & set(provider.model_aliases.values())


@EACH
def test_words_are_lower_case_and_zones_exist(provider) -> None:
    assert provider.slug == provider.slug.lower()
    assert all(word == word.lower() for word in (*provider.logged_names, *provider.hosts, *provider.tiers))
    assert ZoneInfo(provider.billing_timezone)


@EACH
def test_cache_writes_are_token_kinds(provider) -> None:
    assert provider.cache_writes
    assert set(provider.cache_writes) <= set(TOKEN_KINDS)


@EACH
def test_the_price_list_knows_it(provider) -> None:
    assert provider.prices_id in {known.id for known in get_snapshot().providers}


@pytest.mark.parametrize("words", ["logged_names", "hosts", "model_prefixes"])
def test_a_word_belongs_to_one_provider(words) -> None:
    all_words = [word for provider in PROVIDERS for word in getattr(provider, words)]

    assert len(all_words) == len(set(all_words))
