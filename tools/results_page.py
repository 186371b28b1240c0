"""Writes docs/results/README.md, the answer in two pages, from committed figures.

The sentences are in results_page.txt, every figure of them comes from a JSON of `benchmarks/results`, and so
does what is ahead of what: a new measurement changes the page and nothing is typed over.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from math import log2
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parents[1]
PAGE: Final = ROOT / "docs/results/README.md"
RUNGS: Final = {
    "none": "no autocorrect",
    "base": "base model",
    "local": "+ what the device remembers",
    "reference": "+ one round of training",
    "reference-2": "+ two",
    "reference-3": "+ three",
}
LOCAL_DP: Final = "local-dp-"
ONE_ROUND: Final = "quietkeys, one round"
MOST: Final = "the most both reach"
ENCRYPTED: Final = ("ours", "circle", "dense")  # ways whose servers compute on ciphertexts

Figures = dict[str, Any]


def page(results: Path) -> str:
    """Return the page of the figures in a folder."""

    def read(name: str) -> Figures:
        figures: Figures = json.loads((results / f"{name}.json").read_text())
        return figures

    values = (
        _of_people(read("personalization"), read("agreement"))
        | _of_ways(read("alternatives"))
        | _of_costs(read("round"), read("keys"), read("service"), read("service-shipped"))
        | _of_peer(read("peer"))
    )
    return Path(__file__).with_suffix(".txt").read_text().format(**values)


def _of_people(people: Figures, agreement: Figures) -> dict[str, str]:
    rungs = [
        f"| {RUNGS[row['rung']]} | {_share(row['word_accuracy'])} | {100 * row['errors_vs_base']:+.1f} % |"
        for row in people["ladder"]
        if row["rung"] in RUNGS
    ]
    return {
        "people": str(len(people["people"])),
        "words": f"{people['words_limit']:,}",
        "mode": people["mode"],
        "p_people": f"seeds {', '.join(map(str, people['seeds']))}, {people['rate']:.0%} of letters wrong",
        "ladder": "\n".join(rungs),
        "removes": _share(people["update_removes"]),
        "gated": _share(people["update_removes_gated"]),
        "helped": _share(people["helped"], 0),
        "worse": _share(people["worse"], 0),
        "same": _share(min(row["same_best"] for row in agreement["totals"]), 2),
        "agreement_people": str(len(agreement["people"])),
    }


def _of_ways(figures: Figures) -> dict[str, str]:
    ways = {row["way"]: row for row in figures["ways"]}
    ours, size = ways["ours"], _kilobytes(ways["ours"])
    others = [row for name, row in ways.items() if name not in ("ours", "circle") and _kilobytes(row)]
    clear = [row["costs"]["server_seconds"] or 0.0 for name, row in ways.items() if name not in ENCRYPTED]
    ahead = [
        row["title"]
        for name, row in ways.items()
        if name != "ours" and (row["removed_of_local_gated"] or 0.0) > ours["removed_of_local_gated"]
    ]
    local_dp = [row["removed_of_local_gated"] for name, row in ways.items() if name.startswith(LOCAL_DP)]
    attack, words = ours["attack"], ways["upload"]["attack"]
    count = len(figures["people"])
    return {
        "alternatives_scope": (
            f"{count} people of {figures['words_limit'] or 'all'} words, one round each, seeds"
            f" {', '.join(map(str, figures['seeds']))}; of them {figures['executed']} with real keys, else"
            f" quietkeys in {figures['mode']} mode."
        ),
        "chance": f"{10 * attack['by_chance'] / attack['habits']:.1f}",
        "ways": "\n".join(map(_way, ways.values())),
        "more_errors": ", ".join(ahead) or "none",
        "fewer_bytes": str(sum(_kilobytes(row) < size for row in others)),
        "others": str(len(others)),
        "ours_gated": _share(ours["removed_of_local_gated"]),
        "ldp_gated": _share(max(local_dp)),
        "device_gated": _share(ways["device"]["removed_of_local_gated"]),
        "server_seconds": f"{max(clear):.2f}",
        "device_seconds": f"{ways['device']['costs']['device_seconds']:.2f}",
        "upload_gated": _share(ways["upload"]["removed_of_local_gated"]),
        "upload_words": f"{words['own_words_recovered']} of {words['own_words']}",
        "limit_people": f"The table of ways is of {count} people.",
    }


def _way(row: Figures) -> str:
    attack = row["attack"]
    cells = (
        row["title"],
        _share(row["removed_of_local"]),
        _share(row["removed_of_local_gated"]),
        f"{10 * attack['habits_recovered'] / attack['habits']:.1f}",
        f"{attack['own_words_recovered']} of {attack['own_words']}",
        f"{_kilobytes(row):.1f}",
        f"{row['party']}: {row['sees']}",
    )
    return "| " + " | ".join(cells) + " |"


def _of_costs(turn: Figures, keys: Figures, service: Figures, shipped: Figures) -> dict[str, str]:
    new = turn["new"]
    return {
        "round_cpu": f"{new['one_thread']['cpu_seconds']:.1f}",
        "look_ups": str(new["look_ups"]),
        "memory": f"{new['peak_rss_bytes'] / 1e9:.2f}",
        "up": f"{new['report_bytes'] / 1e3:.1f}",
        "down": f"{new['update_bytes'] / 1e6:.2f}",
        "keys_mb": f"{new['keys_bytes'] / 1e6:.1f}",
        "keys_s": f"{keys['ours']['keys_seconds']:.2f}",
        "per_minute": f"{shipped['jobs_per_minute']:.1f}",
        "p95": f"{service['api_p95_ms']:.0f}",
        "p_error": f"{log2(new['p_error']):.0f}",
    }


def _of_peer(figures: Figures) -> dict[str, str]:
    ours, shipped, strict = figures["prices"]
    reached = [row for row in figures["equal"] if row["target"] == ONE_ROUND and row["batches"]]
    return {
        "peer_mode": figures["mode"],
        "peer_cpu": figures["machine"]["cpu"],
        "peer_people": str(len(figures["seeds"])),
        "peer_round": f"{ours['cpu_seconds']:.1f}",
        "peer_batch": f"{shipped['cpu_seconds']:.1f}",
        "peer_strict": f"{strict['cpu_seconds']:.0f}",
        "peer_strict_how": "measured" if strict["measured"] else strict["how"],
        "peer_error": _share(shipped["p_error"], 0),
        "peer_clear": _share(figures["in_the_clear"]["accuracy"]),
        "peer_ours": _share(figures["ours"]["accuracy"][0]),
        "peer_batches": str(len(figures["theirs"][0]["accuracy"])),
        "peer_reached": ", ".join(f"{row['rate']:g}" for row in reached) or "none",
        "peer_equal": "\n".join(map(_equal, _compared(figures["equal"]))),
        "peer_executed": str(shipped["measured"]),
        "peer_astray": _share(shipped["against_clear"]["relative_l2"], 0),
        "peer_keys": f"{shipped['key_bytes'] / ours['key_bytes']:.1f}",
        "peer_up": f"{shipped['upload_bytes'] / ours['upload_bytes']:.1f}",
        "peer_down": f"{shipped['download_bytes'] / ours['download_bytes']:.1f}",
    }


def _compared(rows: Sequence[Figures]) -> list[Figures]:
    # For a share of what can be gained the rate that is there in the fewest batches; the most of every rate.
    shares: dict[str, Figures] = {}
    for row in rows:
        best = shares.setdefault(row["target"], row)
        if row["batches"] and row["batches"] < (best["batches"] or row["batches"] + 1):
            shares[row["target"]] = row
    most = [row for row in rows if row["target"] == MOST]
    return [row for target, row in shares.items() if target not in (MOST, ONE_ROUND)] + most


def _equal(row: Figures) -> str:
    paid = [
        "-" if one["ratio"] is None else f"{one['seconds']:.0f} s, ours 1/{1 / one['ratio']:.0f}"
        for one in row["theirs"]
    ]
    ours = "-" if row["ours_seconds"] is None else f"{row['ours_seconds']:.0f} s"
    cells = (
        f"{row['rate']:g}",
        f"{_share(row['accuracy'])}: {row['target']}",
        ours,
        str(row["batches"] or "-"),
        *paid,
    )
    return "| " + " | ".join(cells) + " |"


def _kilobytes(row: Figures) -> float:
    return float(row["costs"]["upload_bytes"] + row["costs"]["download_bytes"]) / 1e3


def _share(share: float | None, places: int = 1) -> str:
    return "-" if share is None else f"{100 * share:.{places}f} %"


if __name__ == "__main__":
    PAGE.write_text(page(ROOT / "benchmarks/results"), encoding="utf-8")
