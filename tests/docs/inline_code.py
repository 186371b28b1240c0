"""What the documentation names in inline code, sorted by what it can be checked against.

Only what claims something is looked at: a dotted name, a path into a folder of the repository, a file name, a
command of ours with its options, a target of the Makefile, an environment variable, a metric. What is none of
these, such as a word of a language, is nobody's claim.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import re
import shlex
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

import typer.main

import quietkeys
import quietkeys.typing as typing_room
from quietkeys.cli.main import app as device_app
from quietkeys_bench.cli import app as bench_app
from quietkeys_ibus.cli import app as ibus_app
from quietkeys_keyboard.cli import app as keyboard_app
from quietkeys_trainer.cli.main import app as trainer_app
from tests.docs.conftest import ROOT

PACKAGES: Final = (
    "quietkeys",
    "quietkeys_protocol",
    "quietkeys_trainer",
    "quietkeys_keyboard",
    "quietkeys_bench",
)
# What the pages call the parts of an open profile, by class.
PARTS: Final = {
    "keyboard": "Personalizer",
    "apps": "AppProfiles",
    "circle": "Circle",
    "consent": "Consent",
    "keys": "Keys",
    "schedule": "Scheduler",
    "vocabulary": "Vocabulary",
}
OURS: Final = re.compile(r"\.(?:py|md|sh|json|jsonl|yaml|toml)\Z")  # file names that somebody could look for
# Files that a reader makes, and names of packaging that look like modules.
BUS: Final = frozenset({"org.quietkeys.Keyboard", "org.quietkeys.Keyboard1"})  # on the session bus
MADE: Final = frozenset({"recipe.json", "trainer.toml", "quietkeys.commands"}) | BUS
FILES: Final = frozenset(
    {
        "header",
        "key",
        "lock",
        "npy",
        "npz",
        "onnx",
        "pin",
        "plan",
        "qkk",
        "report",
        "retired",
        "sig",
        "sqlite",
        "txt",
    }
)
PLACEHOLDER: Final = re.compile(r"(?:\A|/)[A-Z][A-Z-]*(?=[/.]|\Z)")  # NAME in findings/NAME.sh
_SPAN: Final = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_FENCE: Final = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_DOTTED: Final = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+")
_COMMAND: Final = re.compile(r"^(?:\$ |    )?((?:quietkeys(?:-trainer|-keyboard|-ibus)?|make)(?: .*)?)$")


def pages() -> list[Path]:
    """Every page of the repository but the decisions, which speak of the house as it was."""
    outside = ("README", "CONTRIBUTING", "SECURITY", "CHANGELOG", "RELEASING")
    inside = [path for path in (ROOT / "docs").rglob("*.md") if path.parent.name != "decisions"]
    return [
        *(ROOT / f"{name}.md" for name in outside),
        ROOT / "benchmarks/README.md",
        ROOT / "findings/README.md",
        *sorted(inside),
    ]


def spans(text: str) -> Iterator[str]:
    """The inline code of a page."""
    yield from _SPAN.findall(_FENCE.sub("", text))


def commands(text: str) -> Iterator[str]:
    """The command lines of ours, inline and in indented blocks, without what the shell does after them."""
    lines = [line for line in _FENCE.sub("", text).splitlines() if line.startswith("    ")]
    for found in [*spans(text), *lines]:
        match = _COMMAND.match(found)
        if match:
            yield re.split(r"\s+#|\s{3,}|[|;&]|\$\(", match[1])[0]


def problem_of(span: str, page: Path) -> str | None:
    """What is wrong with one piece of inline code, None if nothing is, or if it claims nothing."""
    name = span.split("(")[0].strip()
    if _DOTTED.fullmatch(name) and not OURS.search(name):
        return _missing_name(name)
    if re.fullmatch(r"quietkeys_[a-z_]+(?:\{.*\})?", span) and span not in PACKAGES:
        metric = span.split("{")[0].removesuffix("_total")  # which Prometheus's library adds to a counter
        return None if metric in _sources() else "no such metric"
    if re.fullmatch(r"QUIETKEYS_[A-Z_]+", span):
        return None if span in _sources() else "no such environment variable"
    if re.fullmatch(r"--[a-z][a-z-]*", span.split()[0]):
        option = span.split()[0]
        of_a_tool = (
            f"    {option[2:].replace('-', '_')}: Annotated["  # Typer makes the option of the argument
        )
        return None if option in _options() or of_a_tool in _sources() else "no such option"
    if " " not in span:
        return _missing_path(span, page)
    return None


def problem_of_command(line: str) -> str | None:
    """What is wrong with a command line of ours, None if nothing is."""
    words = shlex.split(line, comments=True)
    if words[0] == "make":
        targets = [word for word in words[1:] if "=" not in word and not word.startswith("-")]
        known = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
        unknown = [word for word in targets if word not in known and word.islower()]
        return f"no target {unknown[0]}" if unknown else None
    command, path = _apps()[words[0]], [words[0]]
    for word in words[1:]:
        if word in _below(command):
            command = _below(command)[word]
            path.append(word)
        elif _below(command) and re.fullmatch(r"[a-z]+", word):
            return f"no command {' '.join([*path, word])}"
        elif word.startswith("--"):
            option = word.split("=")[0].strip("[]")
            if option != "--help" and not any(
                option in (*each.opts, *each.secondary_opts) for each in command.params
            ):
                return f"no option {option} of {' '.join(path)}"
    return None


def _missing_name(name: str) -> str | None:
    head, *rest = name.split(".")
    if name in MADE or rest[-1] in FILES:
        return None
    if head in PACKAGES:
        return None if _resolves(name) else "no such name"
    kind = getattr(quietkeys, PARTS.get(head, head), getattr(typing_room, head, None))
    if not isinstance(kind, type):
        within = [f"{module}.{'.'.join(rest)}" for module in _modules() if module.split(".")[-1] == head]
        if any(map(_resolves, within)) or (not within and _is_installed(head)):
            return None
        return "no such name in a module of ours or of a package"
    found: Any = kind
    for part in rest:
        known = getattr(found, "__dataclass_fields__", {})
        if part in known:
            return None
        if not hasattr(found, part):
            if found is kind and part in _named_on_open(kind):
                return None
            return f"{getattr(found, '__name__', found)} has no {part}"
        found = getattr(found, part)
        if isinstance(found, property):
            found = getattr(quietkeys, PARTS.get(part, ""), None)
            if found is None:
                return None
    return None


def _named_on_open(kind: type) -> set[str]:
    # Attributes that instances get, such as `Personalizer.schedule`.
    return set(re.findall(r"self\.(\w+)", inspect.getsource(kind)))


@cache
def _modules() -> tuple[str, ...]:
    """The modules of our packages and of tools/, as they are imported."""
    roots = ("sdk", "protocol", "cloud_trainer", "demo_app", "input_method", "benchmarks", "")
    found = [path.removesuffix(".py").removesuffix("/__init__") for path in _files() if path.endswith(".py")]
    return tuple(
        path.removeprefix(f"{root}/").replace("/", ".")
        for path in found
        for root in roots
        if path.startswith(f"{root}/quietkeys") or (not root and path.startswith("tools/"))
    )


def _is_installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def _is_module(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:  # a part before the last is no package
        return False


@cache
def _resolves(name: str) -> bool:
    parts = name.split(".")
    if _is_module(name):
        return (
            True  # without being imported: what compiles circuits must not be, in a process with other tests
        )
    for size in range(len(parts) - 1, 0, -1):
        try:
            found: Any = importlib.import_module(".".join(parts[:size]))
        except ModuleNotFoundError:
            continue
        for part in parts[size:]:
            if part in getattr(found, "__dataclass_fields__", {}):
                return True
            if not hasattr(found, part):
                return False
            found = getattr(found, part)
        return True
    return False


def _missing_path(span: str, page: Path) -> str | None:
    path = span.rstrip("/").split("#")[0]
    if "://" in path or path.startswith(("/", "~", "-")) or PLACEHOLDER.search(path) or path in MADE:
        return None
    first = path.split("/")[0]
    if "/" in path and (ROOT / first).is_dir() and first not in {"build", "dist"}:
        pattern = path if re.search(r"[*?]", path) else ""
        exists = any(ROOT.glob(pattern)) if pattern else (ROOT / path).exists()
        return None if exists or (page.parent / path).exists() else "no such path"
    if OURS.search(path) and re.fullmatch(r"[\w./-]+", path):
        return None if any(each == path or each.endswith(f"/{path}") for each in _files()) else "no such file"
    return None


@cache
def _files() -> tuple[str, ...]:
    git = ["git", "-C", str(ROOT), "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(git, capture_output=True, text=True, check=True)
    return tuple(path for path in listed.stdout.splitlines() if (ROOT / path).exists())


@cache
def _sources() -> str:
    folders = (
        "sdk",
        "cloud_trainer",
        "demo_app",
        "input_method",
        "benchmarks/quietkeys_bench",
        "deploy",
        "tools",
    )
    texts = [
        path.read_text()
        for folder in folders
        for path in sorted((ROOT / folder).rglob("*"))
        if path.suffix in {".py", ".yaml", ".sh", ""} and path.is_file() and path.stat().st_size < 1 << 20
        if "bundles" not in path.parts
    ]
    return "\n".join(texts)


def _below(command: Any) -> dict[str, Any]:
    # The subcommands of a command by name; none of one that does something itself.
    return getattr(command, "commands", {})


@cache
def _apps() -> dict[str, Any]:
    device = typer.main.get_command(device_app)
    _below(device)["bench"] = typer.main.get_command(bench_app)
    return {
        "quietkeys": device,
        "quietkeys-trainer": typer.main.get_command(trainer_app),
        "quietkeys-keyboard": typer.main.get_command(keyboard_app),
        "quietkeys-ibus": typer.main.get_command(ibus_app),
    }


@cache
def _options() -> frozenset[str]:
    """Every option of every command of ours."""
    found: set[str] = {"--help"}
    waiting = list(_apps().values())
    while waiting:
        command = waiting.pop()
        found.update(option for each in command.params for option in each.opts + each.secondary_opts)
        waiting.extend(_below(command).values())
    return frozenset(found)
