import pytest

from penstock.errors import ConfigError
from penstock.sources.globs import Globs


@pytest.mark.parametrize(
    ("pattern", "taken", "left"),
    [
        ("**", ["a.md", "x/y/z.bin"], []),
        ("*.md", ["a.md", "x/y/a.md"], ["a.mdx", "x.md.bak"]),
        ("**/*.md", ["a.md", "x/y/a.md"], ["a.txt"]),
        ("/*.md", ["a.md"], ["x/a.md"]),
        ("docs/**", ["docs/a", "docs/x/b"], ["a", "x/docs/a", "docs"]),
        ("docs/**/*.md", ["docs/a.md", "docs/x/y/a.md"], ["a.md", "docs/a.txt"]),
        ("drafts/", ["drafts/a", "x/drafts/y/a"], ["drafts", "my-drafts/a"]),
        ("file-?.md", ["file-1.md"], ["file-12.md"]),
        ("[ab].md", ["a.md", "b.md"], ["c.md"]),
        ("Résumé *.md", ["Résumé 1.md"], ["Resume 1.md"]),
    ],
)
def test_patterns_mean_what_they_mean_in_gitignore(pattern: str, taken: list[str], left: list[str]) -> None:
    globs = Globs("docs", [pattern], [])
    assert [key for key in taken + left if globs.takes(key)] == taken


def test_exclude_goes_before_include() -> None:
    globs = Globs("docs", ["*.md", "*.txt"], ["drafts/", "README.md"])
    keys = ["a.md", "b.txt", "c.pdf", "README.md", "x/README.md", "drafts/a.md"]
    assert [key for key in keys if globs.takes(key)] == ["a.md", "b.txt"]


def test_a_newline_in_a_folders_name_does_not_slip_through_an_exclude() -> None:
    assert not Globs("docs", ["**"], ["*.tmp"]).takes("odd\nfolder/a.tmp")


def test_only_wholly_excluded_folders_are_skipped() -> None:
    globs = Globs("docs", ["**"], ["private/", "cache/**", "*.tmp"])
    assert [f for f in ("private", "x/private", "cache", "public", "x/cache") if globs.skips_folder(f)] == [
        "private",
        "x/private",
        "cache",
    ]


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("!drafts", "sources.docs.include: '!drafts' begins with '!'; write 'drafts' under exclude instead"),
        (
            "*.{md,txt}",
            (
                "sources.docs.include: '*.{md,txt}' holds '{md,txt}', which has no meaning here; "
                "write one pattern for each"
            ),
        ),
        ("", "sources.docs.include: '' matches nothing; write it as in a .gitignore file, '*.md' or 'docs/**'"),
        (
            "# all",
            "sources.docs.include: '# all' matches nothing; write it as in a .gitignore file, '*.md' or 'docs/**'",
        ),
        (
            "\\",
            (
                "sources.docs.include: '\\\\' is not a pattern: Invalid git pattern: '\\\\'; "
                "write it as in a .gitignore file"
            ),
        ),
    ],
)
def test_a_pattern_that_matches_nothing_is_an_error(pattern: str, message: str) -> None:
    with pytest.raises(ConfigError) as error:
        Globs("docs", [pattern], [])
    assert str(error.value) == message
