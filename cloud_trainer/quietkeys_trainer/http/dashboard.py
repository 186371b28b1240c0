"""The page at `/`: the state of the trainer on one screen, without scripts and without anything foreign.

It names no device, no account and no job.
"""

from __future__ import annotations

import platform
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from importlib.metadata import version
from typing import Final

from quietkeys_trainer.ledger.operator_queries import Backlog, Run
from quietkeys_trainer.ledger.tables import Outcome

SPANS: Final = (("minute", 60.0), ("hour", 3600.0), ("day", 86_400.0))
DISTRIBUTIONS: Final = ("quietkeys", "concrete-python", "fastapi", "sqlalchemy")
REFRESH_S: Final = 10
POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"

_PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="refresh" content="{refresh}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>quietkeys trainer</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 44rem; padding: 0 1rem;
  color: #222; background: #fff }}
h1 {{ font-size: 1.4rem }} h2 {{ font-size: 1.05rem; margin: 1.6rem 0 .3rem }}
table {{ border-collapse: collapse; width: 100% }}
th, td {{ text-align: left; padding: .2rem .8rem .2rem 0; border-bottom: 1px solid #ddd; font-weight: normal;
  overflow-wrap: anywhere }}
td {{ font-variant-numeric: tabular-nums }}
@media (prefers-color-scheme: dark) {{
  body {{ color: #ddd; background: #181818 }} th, td {{ border-color: #444 }} }}
</style>
</head>
<body>
<h1>quietkeys trainer</h1>
{tables}
</body>
</html>
"""


@dataclass(frozen=True, slots=True)
class View:
    """What the page shows; `runs` are the latest of the last day, `plans` by hash with what devices pin."""

    now: float
    up_s: float
    workers: int
    backlog: Backlog | None  # None: the database does not answer
    runs: Sequence[Run]
    is_cut: bool  # whether there were more of them
    rejected: dict[str, int]
    plans: dict[str, str]


def page(view: View) -> str:
    """Return the page, in HTML."""
    tables = "\n".join(
        _table(name, rows)
        for name, rows in (
            ("Queue", _queue(view.backlog)),
            ("Workers", _workers(view)),
            ("Throughput", _throughput(view)),
            ("Refused since this process started", view.rejected.items()),
            ("Plans, and the client specifications that devices pin", view.plans.items()),
            ("Versions", _versions(view.up_s)),
        )
    )
    return _PAGE.format(refresh=REFRESH_S, tables=tables)


def _queue(backlog: Backlog | None) -> Iterable[tuple[str, object]]:
    if backlog is None:
        return [("database", "does not answer")]
    return [
        ("jobs waiting", backlog.queued),
        ("longest wait", _duration(backlog.oldest_s)),
        ("jobs being run", backlog.running),
    ]


def _workers(view: View) -> Iterable[tuple[str, object]]:
    yield "kept alive by this process", view.workers
    if view.backlog is not None:
        yield "at work, anywhere", view.backlog.busy_workers


def _throughput(view: View) -> Iterable[tuple[str, object]]:
    for name, span_s in SPANS:
        runs = [run for run in view.runs if run.ended_at >= view.now - span_s]
        done = sorted(run.seconds for run in runs if run.outcome is Outcome.DONE)
        failed = sum(run.outcome is Outcome.FAILED for run in runs)
        text = f"{len(done)} jobs done, {failed} failed"
        if done:
            text += (
                f"; {_nth(done, 0.5):.1f} s at the median, {_nth(done, 0.95):.1f} s at the 95th percentile"
            )
        if view.is_cut and len(runs) == len(view.runs):
            text = f"more than {text}"
        yield f"last {name}", text


def _nth(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _versions(up_s: float) -> Iterable[tuple[str, object]]:
    yield "Python", platform.python_version()
    yield from ((name, version(name)) for name in DISTRIBUTIONS)
    yield "this process is up", _duration(up_s)


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h"


def _table(heading: str, rows: Iterable[tuple[str, object]]) -> str:
    cells = "".join(
        f"<tr><th scope=row>{escape(name)}</th><td>{escape(str(value))}</td></tr>\n" for name, value in rows
    )
    return f"<h2>{escape(heading)}</h2>\n<table>\n{cells or '<tr><td>none</td></tr>'}</table>"
