"""Digests say the same of the same, and nothing of anybody."""

from __future__ import annotations

from penstock.catalog import Catalog
from penstock.interactions.digests import Digests, open_digests


def test_they_tell_apart_what_differs_and_nothing_else() -> None:
    digests = Digests(b"k" * 32)
    assert digests.person(" ada ") == digests.person("ada") != digests.person("ben")
    assert digests.person("ada") != digests.session("ada"), "a session that is called like a person is not that person"
    assert digests.person("") is digests.session(None) is None
    assert digests.question("What is  Rye?\n") == digests.question("what is rye?")
    assert digests.of("a", "bc") != digests.of("a", "b", "c")


def test_each_catalog_has_a_key_of_its_own_and_keeps_it(catalog_url: str) -> None:
    catalog = Catalog(catalog_url)
    assert open_digests(catalog).person("ada") == open_digests(Catalog(catalog_url)).person("ada")
    assert open_digests(catalog).person("ada") != open_digests(Catalog("sqlite:///:memory:")).person("ada")
