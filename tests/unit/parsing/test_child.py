"""What a real child is and is not: no torch, small, silent, bounded."""

from pathlib import Path

import pytest

from penstock.errors import ModelError
from penstock.parsing import ParseJob
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


def test_real_documents_each_end_parsed_or_refused(pool):
    """The kept collection of real and hostile files, where it is there."""
    folder = Path(__file__).parents[3].parent / "shared/data/parse/generated_hostile"
    if not folder.is_dir():
        pytest.skip(f"no {folder}")
    files = [path for path in sorted(folder.iterdir()) if path.name != "MANIFEST.json"]
    done = {job.id: out for job, out in pool.parse_many(ParseJob(p.name, p.name, p.read_bytes()) for p in files)}
    assert len(done) == len(files)
    reasons = {name: getattr(outcome, "reason", "parsed") for name, outcome in done.items()}
    assert {name: reason for name, reason in reasons.items() if reason != "parsed"} == {
        "billion_laughs.svg": "entity-bomb",
        "billion_laughs.xml": "entity-bomb",
        "deep_html.html": "too-deep",
        "deep_json.json": "too-deep",
        "docx_named.pdf": "wrong-type",
        "docx_named.txt": "wrong-type",
        "empty.docx": "empty",
        "empty.md": "empty",
        "empty.pdf": "empty",
        "gzipbomb_1GB.txt.gz": "archive-bomb",
        "html_as.pdf": "wrong-type",
        "nested_30.zip": "archive-bomb",
        "one_line_20MB.txt.gz": "unsupported",
        "pdf_header_only.pdf": "truncated",
        "pdf_named.docx": "wrong-type",
        "tar_symlink.tar": "unsafe-path",
        **{f"truncated_{share}.{kind}": "truncated" for share in (25, 50, 90) for kind in ("docx", "pdf")},
        "xxe_file.xml": "external-entity",
        "xxe_http.xml": "external-entity",
        "zip_slip.zip": "unsafe-path",
        "zipbomb_1GB.zip": "archive-bomb",
        "zipbomb_512MB.docx": "archive-bomb",
    }
