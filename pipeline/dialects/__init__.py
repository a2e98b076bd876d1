"""The dialects, in the order in which they are tried: exact scopes before prefixes."""
