"""What must not stand in the sources: ways to leak a key, and traces of the machine they were written on."""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.house.conftest import PACKAGES, ROOT

# Seeds make keys and ciphertexts predictable; Concrete's key caches write secret keys in clear.
FORBIDDEN: Final = re.compile(
    r"secret_seed|encryption_seed|insecure_key_cache|keyset_cache|KeysetCache|global_p_error_unsafe"
    r"|enable_unsafe_features",
    re.IGNORECASE,
)
PICKLES: Final = re.compile(r"^(import|from) (pickle|marshal|shelve|dill|cloudpickle|joblib)\b", re.MULTILINE)

# Absolute folders of somebody's machine, private addresses, and where packages were fetched from.
PRIVATE: Final = {
    "a folder of a machine": re.compile(
        r"(?<![\w./~$}<-])/(home|root|opt|mnt|srv|work|Users|private)/[\w.-]"
    ),
    "a private address": re.compile(
        r"(?<![\d.])(10\.\d+|192\.168|172\.(1[6-9]|2\d|3[01]))\.\d+\.\d+(?![\d.])"
    ),
    "a package registry": re.compile(r"(pypi|pythonhosted|npmjs|debian)[.](org|com)", re.IGNORECASE),
    "a folder beside the checkout": re.compile(r"\.\./shared\b"),
    "an e-mail address": re.compile(r"\b[\w.+-]+@(?!example\.|test\.)[\w-]+\.(com|org|net|io|de)\b"),
}


def code_tokens(source: str) -> Iterator[tuple[int, str]]:
    """The names and strings of a source with their lines; comments and docstrings may speak of anything."""
    previous = tokenize.NEWLINE
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        opens_statement = previous in {tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}
        if token.type == tokenize.NAME or (token.type == tokenize.STRING and not opens_statement):
            yield token.start[0], token.string
        if token.type not in {tokenize.NL, tokenize.COMMENT, tokenize.ENCODING}:
            previous = token.type


def test_no_source_seeds_or_caches_keys(root: Path, committed: list[Path]) -> None:
    """Keys are drawn fresh and are written only where the cipher module says; tests are exempt."""
    offenders = [
        f"{path.relative_to(root)}:{line}: {text}"
        for path in committed
        if path.suffix == ".py" and not path.is_relative_to(root / "tests")
        for line, text in code_tokens(path.read_text())
        if FORBIDDEN.search(text)
    ]
    assert not offenders, "\n".join(offenders)


@pytest.mark.parametrize(
    "source",
    [
        "client.keygen(secret_seed=1)",
        "Configuration(**{'use_insecure_key_cache': True})",
        "x = KeysetCache('f')",
    ],
)
def test_the_search_for_seeds_and_caches_finds_them(source: str) -> None:
    """A keyword, a string and a type name are each found."""
    assert any(FORBIDDEN.search(text) for _, text in code_tokens(source + "\n"))


def test_a_docstring_may_name_what_is_forbidden() -> None:
    """Documentation of the rule is not a breach of it."""
    source = '"""Never pass secret_seed."""\n# nor encryption_seed\nx = 1\n'
    assert not [text for _, text in code_tokens(source) if FORBIDDEN.search(text)]


def test_nothing_shipped_unpickles(root: Path, sources: dict[Path, str]) -> None:
    """No shipped module imports a format that runs code when it is read."""
    offenders = [str(path.relative_to(root)) for path, text in sources.items() if PICKLES.search(text)]
    assert not offenders, "\n".join(offenders)


def test_no_committed_file_names_a_private_place(root: Path, committed: list[Path]) -> None:
    """The repository says nothing about the machines and networks it was written on."""
    offenders = []
    for path in committed:
        text = decoded(path)
        if text is None or path.name in {"requirements.lock", "LICENSE"}:
            continue
        for what, pattern in PRIVATE.items():
            for found in pattern.finditer(text):
                offenders.append(f"{path.relative_to(root)}: {what}: {found.group()}")
    assert not offenders, "\n".join(offenders[:40])


def decoded(path: Path) -> str | None:
    """The text of a file, or None for binary files and word lists, where such a search means nothing."""
    if path.is_relative_to(PACKAGES["quietkeys"] / "bundles") and path.suffix not in {".json", ".md", ""}:
        return None
    content = path.read_bytes()
    return None if b"\0" in content else content.decode(errors="replace")


@pytest.mark.parametrize(
    "text",
    [
        "see /" + "home/ann/x",
        "at 192." + "168.1.7",
        "read ." + "./shared/x",
        "from https://" + "pypi" + ".org/simple",
        "ann@" + "firm.com",
    ],
)
def test_the_search_for_private_places_finds_them(text: str) -> None:
    """Each kind of trace is found."""
    assert any(pattern.search(text) for pattern in PRIVATE.values())


def test_the_house_tests_look_at_this_checkout(committed: list[Path]) -> None:
    """A search that looked at no file would always pass."""
    assert ROOT / "pyproject.toml" in committed
    assert Path(__file__).resolve() in committed
