"""Every block of Python in the documentation runs, in the order of its page."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from quietkeys.api.trainer_link import TrainerLink
from quietkeys.bundle.bundle import shipped_bundle
from quietkeys.testing import InMemoryTrainer, NoopCipher
from quietkeys_protocol.plan import Plan
from tests.docs.conftest import ROOT
from tests.docs.inline_code import pages

BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FENCE = re.compile(r"^```(\S*)$", re.MULTILINE)
PAGES = sorted(path for path in pages() if BLOCK.search(path.read_text()))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_blocks_of_a_page_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a trainer in memory where the page starts one, and a cipher that takes no time."""
    trainer = InMemoryTrainer(Plan.parse(shipped_bundle()["plan.json"]))
    monkeypatch.setattr(TrainerLink, "_transport_to", lambda _, __: trainer)
    monkeypatch.setattr(TrainerLink, "_real_cipher", lambda _, folder, plan: NoopCipher(folder, plan))
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    text = page.read_text()
    for found in BLOCK.finditer(text):
        line = text.count("\n", 0, found.start()) + 1
        code = compile("\n" * line + found.group(1), str(page), "exec")
        exec(code, names)  # noqa: S102 - our own documentation


def test_the_quick_start_is_among_them() -> None:
    """The search for blocks finds the page that has most."""
    assert "QUICKSTART.md" in [page.name for page in PAGES]


def test_no_block_hides_from_being_run() -> None:
    """What stands in a fence is Python that runs, TOML that parses, or says that it is text."""
    for page in pages():
        text = page.read_text()
        assert set(FENCE.findall(text)[::2]) <= {"python", "toml", "text"}, page.name
        for block in re.findall(r"^```toml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
            tomllib.loads(block)


def test_links_lead_somewhere() -> None:
    """Every relative link and picture of every page names a file that is there."""
    decisions = (ROOT / "docs/decisions").glob("*.md")
    for page in [*pages(), *decisions]:
        links = re.findall(r"""\]\(([^)#:]+)(?:#[^)]*)?\)|src="([^":]+)\"""", page.read_text())
        for target in (link or picture for link, picture in links):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
