"""A hook of mkdocs for `make docs`: pages from outside `docs/`, the reference of the public API, links.

A page of the repository links to others as they lie in it, so that the links work where it is read there.
Here they are turned into links of the site; what leads nowhere is left as it is, and `--strict` refuses it.
"""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from posixpath import dirname, join, normpath, relpath
from typing import Final

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

# Where a page lies in the repository, and in the site.
PAGES: Final = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "CONTRIBUTING.md",
    "SECURITY.md": "SECURITY.md",
    "CHANGELOG.md": "CHANGELOG.md",
    "RELEASING.md": "RELEASING.md",
    "benchmarks/README.md": "benchmarks.md",
    "findings/README.md": "findings.md",
}
FILES: Final = (
    "LICENSE",
    "NOTICE",
    "examples/clinic.py",
    "examples/desktop.py",
)  # that pages link to, shown as they are

# What an app or another implementation may build on, by page; everything else may change with any release.
REFERENCE: Final = {
    "quietkeys": ("quietkeys",),
    "quietkeys.layouts": ("quietkeys.layouts",),
    "quietkeys.sgd": ("quietkeys.sgd",),
    "quietkeys.testing": ("quietkeys.testing",),
    "quietkeys.typing": ("quietkeys.typing",),
    "quietkeys_protocol": (
        "quietkeys_protocol.plan",
        "quietkeys_protocol.recipes",
        "quietkeys_protocol.sgd_plan",
        "quietkeys_protocol.sgd_specification",
        "quietkeys_protocol.program",
        "quietkeys_protocol.check",
        "quietkeys_protocol.plan_design",
        "quietkeys_protocol.signing",
        "quietkeys_protocol.messages",
        "quietkeys_protocol.containers",
        "quietkeys_protocol.errors",
        "quietkeys_protocol.specification",
        "quietkeys_protocol.security",
        "quietkeys_protocol.framing",
        "quietkeys_protocol.templates",
    ),
}
_LINK: Final = re.compile(r'(\]\(|(?:src|href)=")([^)#":\s]+)')


def public_names(module: str) -> tuple[str, ...]:
    """Return what a module declares as public, in its order; nothing where it has no `__all__`."""
    return tuple(getattr(importlib.import_module(module), "__all__", ()))


def reference_page(title: str) -> str:
    """Return the Markdown of a page of the reference.

    It has every module of it, and every name that these make public.
    """
    parts = [f"# {title}\n"]
    for module in REFERENCE[title]:
        names = public_names(module)  # of a module without them everything is public that has no underscore
        parts.append(f"::: {module}\n    options:\n      members: {'false' if names else 'true'}\n")
        parts += [f"::: {module}.{name}\n    options:\n      heading_level: 3\n" for name in names]
    return "\n".join(parts)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages and files that do not lie in `docs/`."""
    root = Path(config.config_file_path).parent
    for path, page in PAGES.items():
        files.append(File.generated(config, page, abs_src_path=str(root / path)))
    for path in FILES:
        files.append(File.generated(config, f"files/{path}", abs_src_path=str(root / path)))
    for title in REFERENCE:
        files.append(File.generated(config, f"reference/{title}.md", content=reference_page(title)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Return the page with links of the site in place of links of the repository."""
    del config, files
    here = page.file.src_uri
    if here.startswith("reference/"):
        return markdown
    lies_at = {site: path for path, site in PAGES.items()}.get(here, f"docs/{here}")

    def turned(found: re.Match[str]) -> str:
        target = _site_path(normpath(join(dirname(lies_at), found[2])))
        return found[1] + (relpath(target, dirname(here) or ".") if target else found[2])

    return _LINK.sub(turned, markdown)


def _site_path(path: str) -> str:
    # Where something of the repository is in the site, "" if it is not.
    if path in PAGES:
        return PAGES[path]
    if path in FILES:
        return f"files/{path}"
    return path.removeprefix("docs/") if path.startswith("docs/") else ""
