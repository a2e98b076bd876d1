from pathlib import Path

import pytest

from pipeline.errors import ConfigError
from pipeline.settings import load


def write(folder: Path, text: str) -> Path:
    path = folder / "tallystick.toml"
    path.write_text(text, "utf-8")
    return path


def test_ten_lines_are_a_configuration(tmp_path: Path) -> None:
    settings = load(
        write(
            tmp_path,
            """
            company = "Acme"
            [[sources]]
            name = "traces"
            kind = "traces"
            uri = "otel/*.jsonl"
            """,
        )
    )
    assert settings.company == "Acme"
    assert settings.output_folder == tmp_path / "output"
    assert settings.sources[0].format is None


def test_an_unknown_key_is_named_with_the_nearest_right_one(tmp_path: Path) -> None:
    path = write(tmp_path, 'compny = "Acme"\n[[sources]]\nname="a"\nkind="usage"\nuri="x"\nacount="b"\n')
    with pytest.raises(ConfigError) as error:
        load(path)
    assert "unknown key 'compny'. Did you mean 'company'?" in str(error.value)
    assert "unknown key 'sources.0.acount'. Did you mean 'account'?" in str(error.value)


def test_a_wrong_kind_is_named_with_its_value(tmp_path: Path) -> None:
    path = write(tmp_path, '[[sources]]\nname="a"\nkind="trace"\nuri="x"\n')
    with pytest.raises(ConfigError, match=r"sources\.0\.kind.*'traces'.*given: 'trace'"):
        load(path)


def test_two_sources_of_one_name_are_refused(tmp_path: Path) -> None:
    source = '[[sources]]\nname="a"\nkind="usage"\nuri="x"\n'
    with pytest.raises(ConfigError, match="'a' is used more than once"):
        load(write(tmp_path, source * 2))


@pytest.mark.parametrize(
    "line",
    [
        '[[sources]]\nname="a"\nkind="usage"\nuri="gs://bucket/x"\n',
        '[[sources]]\nname="a"\nkind="usage"\nuri="s3://AKID:hushhush@bucket/x"\n',
        '[output]\ncopy_to="s3://AKID:hushhush@bucket/x"\n',
        '[s3]\nendpoint_url="http://AKID:hushhush@localhost:9000"\n',
        '[output]\nfolder="s3://bucket/x"\n',
        '[output]\ncopy_to="s3://bucket/*"\n',
        '[output]\ncopy_to="somewhere"\n',
    ],
)
def test_a_place_that_cannot_be_used_is_refused_at_once_and_no_secret_repeated(
    tmp_path: Path, line: str
) -> None:
    with pytest.raises(ConfigError, match=r"s3://|credentials") as refused:
        load(write(tmp_path, line))
    assert "hushhush" not in str(refused.value)


def test_places_on_s3_are_taken(tmp_path: Path) -> None:
    settings = load(
        write(
            tmp_path,
            '[[sources]]\nname="a"\nkind="usage"\nuri="s3://bucket/x/**/*.json"\n'
            '[output]\ncopy_to="s3://bucket/reports"\n[s3]\nendpoint_url="http://localhost:9000"\n',
        )
    )
    assert settings.sources[0].uri == "s3://bucket/x/**/*.json"


@pytest.mark.parametrize("content", ["company = ", "\x00", "company = 3\n"])
def test_a_broken_file_is_named(tmp_path: Path, content: str) -> None:
    with pytest.raises(ConfigError, match=r"tallystick\.toml"):
        load(write(tmp_path, content))


def test_a_missing_file_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="tallystick demo"):
        load(tmp_path / "nowhere.toml")


def test_a_source_without_a_name_is_called_by_kind_and_place(tmp_path: Path) -> None:
    sources = '[[sources]]\nkind="usage"\nuri="openai/usage/*.json"\n[[sources]]\nkind="cost"\nuri="costs"\n'
    names = [source.name for source in load(write(tmp_path, sources)).sources]
    assert names == ["usage-openai-usage-json", "cost-costs"]


@pytest.mark.parametrize("probability", ["0", "1.5", "-0.1"])
def test_a_sampling_rate_is_a_share_of_traces(tmp_path: Path, probability: str) -> None:
    with pytest.raises(ConfigError, match="is not a share of traces that are kept; write a number above 0"):
        load(write(tmp_path, f'[[sampling]]\nservice="chat"\nprobability={probability}\n'))


def test_a_sampling_rate_holds_for_all_services_unless_one_is_named(tmp_path: Path) -> None:
    rules = load(write(tmp_path, "[[sampling]]\nprobability = 0.1\n")).sampling
    assert [(rule.service, str(rule.probability)) for rule in rules] == [("*", "0.1")]
