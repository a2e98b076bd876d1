import pytest

from pipeline.keys import parse, refusal
from pipeline.s3_errors import refused


@pytest.mark.parametrize(
    ("uri", "prefix", "fitting", "other"),
    [
        ("s3://bucket", "", "a/b", None),
        ("s3://bucket/in", "in/", "in/a/b", "in-b/a"),
        ("s3://bucket/in/", "in/", "in/a", "in"),
        ("s3://bucket/in/2026-*", "in/2026-", "in/2026-10", "in/2026-10/a"),
        ("s3://bucket/in/**/*.gz", "in/", "in/a/b/c.gz", "in/a.json"),
        ("s3://bucket/**", "", "a/b/c", None),
        ("s3://bucket/in/[*]", "in/", "in/*", "in/a"),
    ],
)
def test_a_uri_asks_for_keys(uri: str, prefix: str, fitting: str, other: str | None) -> None:
    wanted = parse(uri)
    assert (wanted.bucket, wanted.prefix) == ("bucket", prefix)
    assert wanted.fits(fitting)
    assert fitting.startswith(prefix)
    assert other is None or not wanted.fits(other)


@pytest.mark.parametrize(
    "uri", ["s3://", "s3:///key", "s3://a", "s3://me:hushhush@bucket/x", "s3://bucket:9000/x"]
)
def test_what_is_no_bucket_is_refused_without_repeating_it(uri: str) -> None:
    with pytest.raises(ValueError, match="s3://bucket/folder") as told:
        parse(uri)
    assert "hushhush" not in str(told.value)


@pytest.mark.parametrize(
    ("key", "words"),
    [("in/a", ""), ("in/../a", "`..`"), ("in/.a", "dot"), (".in/a", ""), ("in/a/", "slash"), ("in/a..b", "")],
)
def test_a_key_is_passed_over_for_a_reason(key: str, words: str) -> None:
    folder = key.split("/", 1)[0] + "/"
    assert words in refusal(key, folder, 1)
    assert bool(words) == bool(refusal(key, folder, 1))


def test_a_code_that_nobody_knows_is_told_with_its_place() -> None:
    told = refused("Strange", "s3://bucket/x", "localhost:9000", "s3:GetObject")
    assert str(told).startswith("s3://bucket/x at localhost:9000: the server refuses with Strange.")
