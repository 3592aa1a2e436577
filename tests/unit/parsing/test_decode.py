"""UTF-16 that does not say so is known by its characters, and nothing else is taken for it."""

import pytest

from penstock.parsing.decode import utf16_without_bom
from penstock.records import Reason

SCRIPTS = {
    "Russian": "Пример текста на русском языке, без метки порядка байтов.",
    "Greek": "Η θάλασσα είναι γαλάζια σήμερα και ο ήλιος λάμπει.",
    "Hebrew": "המשאבה מרימה מים אל ראש הגבעה, יום אחר יום.",
    "Arabic": "ترفع المضخة الماء إلى أعلى التل كل يوم.",
    "Hindi": "पंप पानी को पहाड़ी के ऊपर ले जाता है।",
    "Japanese": "これは日本語の文書です。ポンプは水を丘の上まで運びます。",
    "Chinese": "水泵每天把水送到山顶。如果阀门打开，水就会流下来。",
    "Korean": "펌프는 매일 물을 언덕 위로 끌어 올립니다.",
    "Polish": "Zażółć gęślą jaźń, a potem idź do domu.",
}


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("script", SCRIPTS)
def test_utf_16_without_a_mark_is_read(parse, script, encoding):
    assert parse("a.txt", SCRIPTS[script].encode(encoding)).text == SCRIPTS[script]


def test_a_pair_that_the_sample_cuts_is_no_error(parse):
    text = "これは、𠮷野家の文書です。" * 300
    for shift in ("", "a"):
        assert utf16_without_bom((shift + text).encode("utf-16-le")) == "utf-16-le"


OTHERS = {
    "Bush hid the facts": b"Bush hid the facts",
    "old Spanish": "El niño comió jamón en la montaña. ¿Mañana será otro día?".encode("cp1252"),
    "old Russian": "Съешь же ещё этих мягких французских булок, да выпей чаю".encode("cp1251"),
    "old Japanese": "日本語の文書です。今日はいい天気ですね。".encode("cp932"),
    "old Chinese": "水泵每天把水送到山顶。如果阀门打开，水就会流下来。".encode("gb18030"),
    "zeros in a text": b"hello \0world \0zebra \0" * 100,
    "zeros in an old text": "señor \0niño \0día \0".encode("cp1252") * 100,
    "fields of fixed width": b"".join(f"{name:<7}\0".encode("cp1252") for name in ("Müller", "Löwe", "Bär")) * 50,
    "numbers of two bytes": b"".join((n * 37 % 3000).to_bytes(2, "little") for n in range(2000)),
    "samples of a sound": bytes(n * n % 251 for n in range(4000)),
}


@pytest.mark.parametrize("case", OTHERS)
def test_nothing_else_is_taken_for_utf_16(case):
    data = OTHERS[case]
    assert utf16_without_bom(data[: len(data) // 2 * 2]) is None


def test_what_cannot_be_read_as_text_is_refused_with_the_fix(parse):
    refusal = parse("a.txt", bytes(range(256)) * 9)
    assert (refusal.reason, refusal.remedy) == (
        Reason.WRONG_TYPE,
        "store the file that was meant, or save it as UTF-8",
    )
