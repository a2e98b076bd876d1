import pytest

from pipeline.text_classes import text_class


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The invoice is late, and nobody knows why; please ask the supplier again.", "prose"),
        ("Die Rechnung fehlt: bitte fragen Sie noch einmal nach (mit Datum).", "prose"),
        ("请告诉我发票的日期和金额,谢谢。", "cjk"),
        ("請求書の日付を教えてください。", "cjk"),
        ('{"city": "Oslo", "forecast": [{"day": 1, "rain": true}, {"day": 2, "rain": false}]}', "json"),
        ("def add(a, b):\n    return {x: x + 1 for x in (a, b)}\n\nprint(add(1, 2)[1])", "code"),
        ("if (a[i] == b[j]) { return &c->d; } else { i++; }", "code"),
        ("1234567890 0987654321 12.50 99.10", "other"),
        ("🎉🎉🎉", "other"),
        ("  \n ", "other"),
        ("", "other"),
    ],
)
def test_a_text_has_the_class_of_its_characters(text: str, expected: str) -> None:
    assert text_class(text) == expected
