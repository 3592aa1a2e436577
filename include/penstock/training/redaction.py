"""Personal data taken out of what people wrote, before a model learns it: Presidio's patterns, no model, no network.

Found is what has a form: addresses of mail, phone numbers, cards, accounts, IP addresses, social security numbers.
Names have none, so they stay. Documents are not changed: what they say is what is searched.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from presidio_analyzer import AnalyzerEngine

SURE = 0.4
"""Presidio's score from which on a find counts: that of a phone number in no context."""


def redacted(text: str) -> str:
    """The text with the kind of each find in its place: "Write to <EMAIL_ADDRESS> or call <PHONE_NUMBER>."."""
    from presidio_anonymizer import AnonymizerEngine

    found = _engine().analyze(text, language="en", score_threshold=SURE)
    engine = AnonymizerEngine()  # type: ignore[no-untyped-call]
    return str(engine.anonymize(text, found).text) if found else text  # type: ignore[arg-type]


@cache
def _engine() -> AnalyzerEngine:
    import tldextract
    from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
    from presidio_analyzer import predefined_recognizers as known
    from presidio_analyzer.nlp_engine import NoOpNlpEngine

    domains = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)  # the list inside the package: no download

    class Email(known.EmailRecognizer):
        def validate_result(self, pattern_text: str) -> bool:
            return bool(domains(pattern_text).suffix)

    recognizers = [
        Email(),
        known.PhoneRecognizer(),
        known.CreditCardRecognizer(),
        known.IbanRecognizer(),
        known.IpRecognizer(),
        known.UsSsnRecognizer(),
        known.CryptoRecognizer(),
    ]
    engine = NoOpNlpEngine([{"lang_code": "en", "model_name": "none"}])
    engine.load()
    return AnalyzerEngine(RecognizerRegistry(recognizers), nlp_engine=engine)
