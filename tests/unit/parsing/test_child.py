"""What a real child is and is not: no torch, small, silent, bounded."""

from pathlib import Path

import pytest

from penstock.errors import ModelError
from penstock.parsing.unstructured_setup import prepare_unstructured
from penstock.records import Parsed, Reason
from penstock.settings import ParserSettings


def test_torch_is_not_in_a_child_and_memory_is_sane(pool, parse):
    assert isinstance(parse("a.md", "# Title\n\nText."), Parsed)
    assert isinstance(parse("a.txt", "A heading\n\nSome words that follow it."), Parsed)
    [pid] = pool.pids()
    assert "torch" not in Path(f"/proc/{pid}/maps").read_text()
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    assert int(status["VmRSS"].split()[0]) < 350 * 1024


def test_a_child_has_no_credentials_and_no_output(pool, parse):
    assert isinstance(parse("a.md", "text"), Parsed)
    [pid] = pool.pids()
    names = {line.split("=")[0] for line in Path(f"/proc/{pid}/environ").read_text().split("\0") if line}
    assert names <= {
        "PATH", "LANG", "LC_ALL", "VIRTUAL_ENV", "PYTHONPATH", "LD_LIBRARY_PATH", "SSL_CERT_FILE",
        "HOME", "TMPDIR", "PYTHONUTF8", "OMP_NUM_THREADS",
    }  # fmt: skip
    assert Path(f"/proc/{pid}/fd/1").readlink() == Path("/dev/null")


def test_a_document_that_needs_too_much_memory_is_refused_and_the_next_one_parsed(parse):
    outcome = parse("big.json", b"[" + b"[]," * 4_000_000 + b"1]")
    assert (outcome.reason, outcome.remedy) == (
        Reason.OUT_OF_MEMORY,
        "split the document, or raise parser.memory_mb",
    )
    assert isinstance(parse("a.md", "text"), Parsed)


def test_a_parse_that_is_too_large_is_refused(parse):
    outcome = parse("long.txt", "word " * 600_000)
    assert (outcome.reason, outcome.detail) == (Reason.TOO_LARGE, "the parse is larger than 2 MB")


def test_a_refusal_quotes_nothing_of_the_document(parse):
    outcome = parse("a.json", '{"secret": sesame}')
    assert outcome.reason is Reason.PARSER_ERROR
    assert outcome.detail == "the json parser failed with json.decoder.JSONDecodeError"


def test_the_real_sentence_model_is_required_where_it_is_declared():
    with pytest.raises(ModelError) as caught:
        prepare_unstructured(ParserSettings(sentence_model="en_core_web_sm"))
    assert str(caught.value) == (
        'parser.sentence_model is "en_core_web_sm", which is not installed here; install the package '
        'en_core_web_sm 3.8 (python -m spacy download en_core_web_sm) on every worker, or set it to "light"'
    )
