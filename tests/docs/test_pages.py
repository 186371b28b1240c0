"""Pages that list something list all of it: protocol, tour, phones, decisions, policies."""

from __future__ import annotations

import importlib
import pkgutil
import re
import tomllib
from pathlib import Path

import pytest
from fastapi.routing import APIRoute

import quietkeys
import quietkeys_trainer
from quietkeys.cipher import Cipher
from quietkeys_protocol.codes import LOCAL, ErrorCode, Remedy
from quietkeys_trainer.http import routes
from tests.docs.conftest import ROOT
from tools import results_page

REMEDIES = {
    Remedy.TRY_AGAIN: "try again",
    Remedy.START_OVER: "start over",
    Remedy.CORRECT: "correct",
    Remedy.UPGRADE: "upgrade",
}
NUMBERS = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen".split()  # noqa: SIM905


def page(name: str) -> str:
    """The text of a page in docs/."""
    return (ROOT / "docs" / f"{name}.md").read_text()


def rows(name: str, pattern: str) -> list[tuple[str, ...]]:
    """What the groups of a pattern match at the beginning of the lines of a page."""
    return [found.groups() for found in re.finditer(rf"^{pattern}", page(name), re.MULTILINE)]


def test_the_protocol_has_every_error_that_crosses_the_wire() -> None:
    """Each with its status and what to do about it, in the order of the code."""
    crossing = [code for code in ErrorCode if code.status != LOCAL]
    expected = [(code.value, str(code.status), REMEDIES[code.remedy]) for code in crossing]
    found = rows("PROTOCOL", r"\| `([a-z_]+)` \| (\d{3}) \| ([a-z ]+) \|$")
    assert sorted(found) == sorted(expected)


def test_the_protocol_has_every_route() -> None:
    """Each with its method and path; nothing that is not there."""
    served = set()
    for module in pkgutil.iter_modules(routes.__path__):
        router = importlib.import_module(f"{routes.__name__}.{module.name}").router
        for route in router.routes:
            assert isinstance(route, APIRoute)
            served |= {(method, route.path) for method in route.methods or ()}
    assert set(rows("PROTOCOL", r"\| `([A-Z]+) (/[^`]*)` \|")) == served


def test_the_protocol_has_the_limits_of_the_code() -> None:
    """Each value is that of the constant beside it."""
    limits = rows("PROTOCOL", r"\| [^|]+ \| (\d+) \| `([a-z_.]+)\.([A-Z_]+)` \|$")
    assert len(limits) >= 13
    for value, module, name in limits:
        assert float(value) == getattr(importlib.import_module(module), name), name


def test_the_protocol_names_every_vector() -> None:
    """Whoever implements it anew finds all examples."""
    for vector in (ROOT / "tests/vectors").glob("*"):
        if vector.suffix in {".json", ".hex"}:
            assert f"`tests/vectors/{vector.name}`" in page("PROTOCOL")


@pytest.mark.parametrize("package", [quietkeys, quietkeys_trainer])
def test_the_tour_has_every_room(package: object) -> None:
    """Every folder of the device and of the trainer, and no other."""
    folder = Path(getattr(package, "__path__")[0])  # noqa: B009 - of a package
    rooms = {path.parent.name for path in folder.glob("*/__init__.py")}
    listed = {room for (room,) in rows("ARCHITECTURE", rf"\| `[a-z_]+/{folder.name}/([a-z_]+)` \|")}
    assert listed == rooms


@pytest.mark.parametrize("package", ["quietkeys", "quietkeys_trainer"])
def test_the_tour_goes_from_the_top_to_the_ground(package: str) -> None:
    """Rooms stand in the order of their contract, in which each imports only those below it."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    for contract in contracts:
        if contract["type"] == "layers" and contract.get("containers") == [package]:
            layers = [re.findall(r"\w+", layer) for layer in contract["layers"]]
            floor = {room: number for number, layer in enumerate(layers) for room in layer}
            listed = [
                room for (room,) in rows("ARCHITECTURE", rf"\| `[a-z_]+/{package}/([a-z_]+)(?:\.py)?` \|")
            ]
            numbers = [floor[room] for room in listed]
            assert numbers == sorted(numbers)


def test_what_a_phone_would_have_to_bring_is_counted() -> None:
    """The number of methods of a cipher, and the modules that load a model, are those of the code."""
    methods = [name for name in vars(Cipher) if not name.startswith("_")]
    assert f"a protocol of {NUMBERS[len(methods)]} methods" in page("MOBILE")
    sources = (ROOT / "sdk/quietkeys").rglob("*.py")
    loading = [path for path in sources if "onnxruntime.InferenceSession(" in path.read_text()]
    names = {".".join(path.relative_to(ROOT / "sdk").with_suffix("").parts) for path in loading}
    (sentence,) = re.findall(r"Python interface there\. (.*?)loads? them", page("MOBILE"), re.DOTALL)
    assert set(re.findall(r"`([\w.]+)`", sentence)) == names


def test_every_decision_is_listed() -> None:
    """On their own page and on the site; a file is named by its date."""
    files = sorted((ROOT / "docs/decisions").glob("*.md"))
    names = [path.name for path in files if path.name != "README.md"]
    assert all(
        re.fullmatch(r"(?:0000-until-\d{4}-\d{2}|\d{4}-\d{2}-\d{2}-[a-z-]+)\.md", name) for name in names
    )
    listed = re.findall(r"\]\((\d[\w-]+\.md)\)", (ROOT / "docs/decisions/README.md").read_text())
    site = re.findall(r"decisions/(\d[\w-]+\.md)", (ROOT / "mkdocs.yml").read_text())
    assert sorted(listed) == sorted(site) == sorted(names)


def test_the_changelog_keeps_its_form() -> None:
    """What is unreleased comes first, then versions with dates; only headings that the form knows."""
    text = (ROOT / "CHANGELOG.md").read_text()
    versions = re.findall(r"^## (.*)$", text, re.MULTILINE)
    assert versions[0] == "Unreleased"
    assert all(re.fullmatch(r"\d+\.\d+\.\d+ - \d{4}-\d{2}-\d{2}", version) for version in versions[1:])
    kinds = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert set(re.findall(r"^### (.*)$", text, re.MULTILINE)) <= kinds


def test_findings_have_their_form() -> None:
    """Each script may be run, cleans up after itself, says in its head what the form asks, and is listed."""
    listed = (ROOT / "findings/README.md").read_text()
    for script in (ROOT / "findings").glob("*.sh"):
        text = script.read_text()
        assert script.stat().st_mode & 0o111, script.name
        assert "mktemp -d" in text, script.name
        assert "trap " in text, script.name
        assert f"- `findings/{script.name}`: " in listed, script.name
        for heading in ("Expected", "Happens", "Who meets it", "Seen with"):
            assert f"# {heading}: " in text, f"{script.name}: {heading}"


def test_the_answer_says_what_was_measured() -> None:
    """The page is the one that today's committed figures make: `python tools/results_page.py` writes it."""
    assert results_page.PAGE.read_text() == results_page.page(ROOT / "benchmarks/results")


def test_a_first_reader_gets_two_commands_and_ten_figures() -> None:
    """The README stays short: one picture of the loop, ten lines of figures, the rest linked."""
    text = (ROOT / "README.md").read_text()
    _, _, figures = text.partition("## In figures\n")
    assert len(re.findall(r"^- ", figures.partition("\n## ")[0], re.MULTILINE)) == 10
    assert "docs/loop.svg" in text
    assert len(text.splitlines()) <= 110
