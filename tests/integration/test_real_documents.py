"""Invariant 7 on real and hostile files: every one of the kept collection ends parsed, or refused for its own reason.

The collection is no part of the project: it lies in `../shared/data` beside the repository, or where
PENSTOCK_BENCH_DATA says.
"""

from __future__ import annotations

import json
import os
import runpy
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest

from penstock.parsing import ParseJob, ParserPool
from penstock.records import Attachment, Parsed, Reason, Refusal
from penstock.settings import ParserSettings

SHARED = Path(__file__).parents[2].parent / "shared" / "data"
COLLECTION = Path(os.environ.get("PENSTOCK_BENCH_DATA") or SHARED) / "parse"  # before a fixture clears the environment
MEASURES = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "parsing.py"))
MAX_DEPTH = ParserSettings().max_attachment_depth

UNREAD_TYPES = (".doc", ".ppt", ".odp", ".ods", ".xsd", ".xsl", ".svg", ".tif", ".jpg", ".png", ".gif", ".mp3")
SCANS = (
    "docling/latex/2310.06825/images/rolling_buffer",
    "docling/latex/2310.06825/images/swa",
    "docling/latex/2412.19437/figures/fp8-v.s.-bf16",
    "docling/latex/2412.19437/logo/",
    "docling/ocr/",
    "markitdown/MEDRPT-2024-PAT-3847",
    "pypdf_samples/007-imagemagick-images__imagemagick-ASCII85",
    "pypdf_samples/007-imagemagick-images__imagemagick-CCITT",
    "pypdf_samples/007-imagemagick-images__imagemagick-lzw",
    "pypdf_samples/019-grayscale-image__",
    "pypdf_samples/023-cmyk-image__",
    "unstructured/pdf/loremipsum-flat",
    "unstructured/pdf/single_table",
    "unstructured/pdf/table-multi-row-column-cells",
)
"""PDFs of pictures."""

HOSTILE = {
    **dict.fromkeys(("billion_laughs.svg", "billion_laughs.xml"), Reason.ENTITY_BOMB),
    **dict.fromkeys(("xxe_file.xml", "xxe_http.xml"), Reason.EXTERNAL_ENTITY),
    **dict.fromkeys(("gzipbomb_1GB.txt.gz", "nested_30.zip", "zipbomb_1GB.zip"), Reason.ARCHIVE_BOMB),
    "zipbomb_512MB.docx": Reason.ARCHIVE_BOMB,
    **dict.fromkeys(("deep_html.html", "deep_json.json"), Reason.TOO_DEEP),
    **dict.fromkeys(("docx_named.pdf", "docx_named.txt", "html_as.pdf", "pdf_named.docx"), Reason.WRONG_TYPE),
    **dict.fromkeys(("empty.docx", "empty.md", "empty.pdf"), Reason.EMPTY),
    **{f"truncated_{share}.{kind}": Reason.TRUNCATED for share in (25, 50, 90) for kind in ("docx", "pdf")},
    "pdf_header_only.pdf": Reason.TRUNCATED,
    **dict.fromkeys(("tar_symlink.tar", "zip_slip.zip"), Reason.UNSAFE_PATH),
}
REFUSED = {
    **{f"generated_hostile/{name}": reason for name, reason in HOSTILE.items()},
    **{f"defusedxml/{name}.xml": Reason.ENTITY_BOMB for name in ("cyclic", "quadratic", "xmlbomb", "xmlbomb2")},
    **{f"defusedxml/{name}.xml": Reason.EXTERNAL_ENTITY for name in ("external", "external_file")},
    **{f"docling/json_dots/dots_{name}.json": Reason.TRUNCATED for name in ("list", "simple")},
    **{f"docling/latex/{name}.tex": Reason.PARSER_ERROR for name in ("0005057/diss", "0106220/more-ss")},
    "docling/latex/2412.19437/commands.tex": Reason.EMPTY,
    **{
        f"docling/xbrl/{name}-taxonomy/{name}-20251231_{part}.xml": Reason.EMPTY
        for name in ("grve", "mlac")
        for part in ("cal", "def", "pre")
    },
    "pypdf_samples/005-libreoffice-writer-password__libreoffice-writer-password.pdf": Reason.ENCRYPTED,
    **{
        f"unstructured/{name}": Reason.ENCRYPTED
        for name in ("eml/fake-encrypted.eml", "fake-encrypted.msg", "password_protected.xlsx", "pdf/password.pdf")
    },
    **{
        f"unstructured/{name}": Reason.EMPTY
        for name in ("eml/empty.eml", "empty.txt", "empty.xlsx", "fake-text-all-whitespace.txt", "picture.pptx")
    },
    "unstructured/test-image-jpg-mime.pptx": Reason.EMPTY,
    "docling/email/msg_with_attachment.msg!/report.pdf": Reason.TRUNCATED,
    **{
        f"docling/xbrl/{name}-taxonomy/taxonomy_package.zip!/taxonomy_package/META-INF/catalog.xml": Reason.EMPTY
        for name in ("grve", "mlac")
    },
}

FLOORS = {
    "asciidoc": (0.94, 0.95, 0.60),
    "csv": (1.00, 1.00, 1.00),
    "docx": (0.97, 0.99, 0.77),
    "epub": (0.99, 1.00, None),
    "html": (0.95, 0.99, 0.94),
    "jats": (0.98, 0.99, 0.91),
    "latex": (0.94, 1.00, 1.00),
    "md": (0.98, 1.00, 1.00),
    "md_deepseek": (0.99, 1.00, 1.00),
    "odf": (0.92, 1.00, 0.77),
    "pdf": (0.95, 0.98, 0.66),
    "pptx": (0.92, 0.99, 1.00),
    "webvtt": (1.00, 1.00, None),
    "xbrl": (0.99, 0.99, 0.93),
    "xlsx": (0.81, 0.99, 0.88),
}
"""By format, what parsing keeps of the words, of their order and of the rows of tables: measured, and rounded down."""


@pytest.fixture(scope="module")
def pool() -> Iterator[ParserPool]:
    with ParserPool(ParserSettings(workers=2)) as pool:
        yield pool


def files(*folders: str) -> list[Path]:
    if not COLLECTION.is_dir():
        pytest.skip(f"no {COLLECTION}; name the data folder in PENSTOCK_BENCH_DATA")
    found = [path for name in folders for path in sorted((COLLECTION / name).rglob("*")) if path.is_file()]
    return [path for path in found if path.name != "MANIFEST.json"]


def reasons(pool: ParserPool, paths: list[Path]) -> dict[str, Reason | None]:
    """Every file, and everything attached to it as deep as a sync goes, with its reason; none where it was parsed."""
    jobs: Iterator[ParseJob] = (ParseJob(str(p.relative_to(COLLECTION)), p.name, p.read_bytes()) for p in paths)
    found: dict[str, Reason | None] = {}
    for _ in range(1 + MAX_DEPTH):
        attached: list[tuple[str, Attachment]] = []
        for job, outcome in pool.parse_many(jobs):
            found[job.id] = outcome.reason if isinstance(outcome, Refusal) else None
            if isinstance(outcome, Parsed):
                attached += [(f"{job.id}!/{one.name}", one) for one in outcome.attachments]
        found |= {key: one.problem.reason for key, one in attached if one.problem}
        jobs = (ParseJob(key, key.rpartition("/")[2], one.data) for key, one in attached if not one.problem)
    return found


def expected(key: str) -> Reason | None:
    return REFUSED.get(key) or (Reason.UNSUPPORTED if key.endswith(UNREAD_TYPES) or key.startswith(SCANS) else None)


def differing(found: dict[str, Reason | None]) -> dict[str, tuple[Reason | None, Reason | None]]:
    return {key: (reason, expected(key)) for key, reason in found.items() if reason != expected(key)}


def test_hostile_files_end_as_their_manifest_says(pool: ParserPool) -> None:
    paths = files("generated_hostile")
    manifest = json.loads((COLLECTION / "generated_hostile" / "MANIFEST.json").read_text())
    found = reasons(pool, paths)
    assert set(HOSTILE) <= set(manifest)
    assert {path.name for path in paths} <= set(manifest)
    assert differing(found) == {}
    assert found["generated_hostile/one_line_20MB.txt.gz!/one_line_20MB.txt"] is None


def test_odd_files_say_what_they_say(pool: ParserPool) -> None:
    wanted = {
        "latin1.txt": "café naïve señor\n",
        "sjis.txt": "日本語の文書です。",
        "utf16le_bom.txt": "héllo wörld ünïcode 漢字",
        "nul_bytes.txt": "helloworldhello",
        "lone_surrogate.json": "t: \ufffd abc",
        "bidi_zero_width.md": "Payevil zerowidth text",
        "prompt_injection.md": "Manual\n\nIgnore previous instructions",
        "script.html": "visible",
        "ragged.csv": "a | b | c\n1 | 2\n1 | 2 | 3 | 4\n",
    }
    paths = [path for path in files("generated_hostile") if path.name in wanted]
    said = {
        job.id: outcome.text if isinstance(outcome, Parsed) else str(outcome)
        for job, outcome in pool.parse_many(ParseJob(path.name, path.name, path.read_bytes()) for path in paths)
    }
    assert {name: said[name][: len(text)] for name, text in wanted.items()} == wanted
    assert said["script.html"] == "visible"


def test_real_documents_keep_their_words_order_and_rows(pool: ParserPool) -> None:
    """Against Docling's ground truth, by the benchmark's own measures."""
    files("docling_groundtruth")
    pairs = {str(source): (source, truth) for source, truth in MEASURES["references"](COLLECTION)}
    scores = defaultdict(list)
    jobs = (ParseJob(key, source.name, source.read_bytes()) for key, (source, _) in pairs.items())
    for job, outcome in pool.parse_many(jobs):
        source, truth = pairs[job.id]
        if isinstance(outcome, Parsed):  # which are refused is the next test's
            scores[source.parent.name].append(MEASURES["scored"](truth.read_text(encoding="utf-8"), outcome))
    found = {kind: MEASURES["means"](one) for kind, one in scores.items()}
    assert set(found) == set(FLOORS)
    below = {
        (kind, what): (share, floor)
        for kind, floors in FLOORS.items()
        for what, share, floor in zip(("words", "order", "rows"), found[kind], floors, strict=True)
        if floor is not None and share < floor
    }
    assert below == {}


@pytest.mark.long
def test_every_real_document_ends_parsed_or_refused_for_its_own_reason(pool: ParserPool) -> None:
    paths = files(*(path.name for path in sorted(COLLECTION.glob("*")) if path.is_dir()))
    assert len(paths) > 700
    found = reasons(pool, paths)
    assert differing(found) == {}
    assert len(found) > len(paths) + 100  # what was inside
    assert {key for key in REFUSED if key not in found} == set()
