"""What the pages name in inline code is there: names, paths, commands, options, variables, metrics."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.conftest import ROOT
from tests.docs.inline_code import commands, pages, problem_of, problem_of_command, spans

PAGES = [pytest.param(page, id=str(page.relative_to(ROOT))) for page in pages()]


@pytest.mark.parametrize("page", PAGES)
def test_inline_code_names_what_is_there(page: Path) -> None:
    """Modules and attributes import, paths and files exist, options and variables are read somewhere."""
    found = {span: problem_of(span, page) for span in spans(page.read_text())}
    assert {span: problem for span, problem in found.items() if problem} == {}


@pytest.mark.parametrize("page", PAGES)
def test_commands_are_what_the_programs_take(page: Path) -> None:
    """Each command, subcommand, option and target of a page is one of the program's."""
    found = {line: problem_of_command(line) for line in commands(page.read_text())}
    assert {line: problem for line, problem in found.items() if problem} == {}


@pytest.mark.parametrize(
    "span",
    [
        "quietkeys.bundle.nothing",
        "quietkeys_protocol.plan.Plan.nothing",
        "Personalizer.nothing",
        "consent.revoke()",
        "Policy.nothing",
        "tests/sdk/test_nothing.py",
        "nothing.py",
        "--no-such-option",
        "QUIETKEYS_NOTHING",
        "quietkeys_nothing_total",
    ],
)
def test_the_check_finds_what_is_not_there(span: str) -> None:
    """A name, path, option, variable or metric that does not exist is found."""
    assert problem_of(span, ROOT / "README.md")


@pytest.mark.parametrize(
    "span",
    [
        "quietkeys_protocol.plan.Plan.report_fields",
        "Personalizer.schedule",
        "Policy.trial_events",
        "consent.give(...)",
        "keyboard.vocabulary.forget",
        "tests/vectors/signing.json",
        "findings/NAME.sh",
        "IME_FLAG",
        "numpy.linalg",
    ],
)
def test_the_check_leaves_the_rest_alone(span: str) -> None:
    """What is there, a placeholder, and what is nobody's claim pass."""
    assert problem_of(span, ROOT / "README.md") is None


@pytest.mark.parametrize(
    "line",
    ["make nothing", "quietkeys nothing", "quietkeys bench nothing", "quietkeys-trainer serve --nothing"],
)
def test_the_check_finds_commands_that_are_not_there(line: str) -> None:
    """A target, a command, or an option that no program takes is found."""
    assert problem_of_command(line)
