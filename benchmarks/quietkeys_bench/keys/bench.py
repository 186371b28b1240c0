"""`quietkeys bench keys`: keys and a first report by the device, and by Concrete's client, in one run.

In execute mode, each in a fresh process on one core with one thread, the makers in turn. Seconds are the
processor's, so a busy machine changes them little, and ratios of one run less. Concrete comes with the extra
`trainer`.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from quietkeys.demo.failing import DemoFailed
from quietkeys.evaluation.machine import this_machine
from quietkeys_bench.common.figures import Tell, write_figures
from quietkeys_bench.common.processes import ask, one_core
from quietkeys_bench.common.subject import Keyboards, bundle_identity
from quietkeys_protocol.plan import Plan

RUNS: Final = 5
MAKERS: Final = ("ours", "concrete")
FIGURES: Final = (
    *("keys_seconds", "keys_peak_bytes", "import_seconds", "first_report_seconds", "first_report_peak_bytes"),
)
_THREADS: Final = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "RAYON_NUM_THREADS": "1"}


@dataclass(frozen=True, slots=True)
class Settings:
    """runs: of each maker."""

    runs: int = RUNS


def run(settings: Settings, out: Path, tell: Tell, keyboards: Keyboards | None = None) -> None:
    """Measure and write the figures. Raises Untrusted, DemoFailed (ChildFailed), OSError."""
    if find_spec("concrete") is None:
        raise DemoFailed("Concrete is not installed.", "Install it with: pip install 'quietkeys[trainer]'")
    bundle = (Keyboards() if keyboards is None else keyboards).bundle()
    plan, specification = bundle["plan.json"], bundle["client_specification.json"]
    found: dict[str, list[dict[str, float]]] = {maker: [] for maker in MAKERS}
    with TemporaryDirectory(prefix="quietkeys-bench-") as name, one_core():
        folder = Path(name)
        (folder / "plan.json").write_bytes(plan)
        (folder / "specification.json").write_bytes(specification)
        for number in range(settings.runs):
            for maker in MAKERS:
                tell(len(MAKERS) * number + MAKERS.index(maker), len(MAKERS) * settings.runs, maker)
                found[maker].append(_measured(maker, folder))
    medians = {maker: medians_of(rows) for maker, rows in found.items()}
    tree = {
        "bench": "keys",
        "mode": "execute",
        "subject": bundle_identity(bundle),
        "bundle_version": bundle.manifest.version,
        "machine": this_machine().tree(),
        "p_error": Plan.parse(plan).p_error,
        "runs": settings.runs,
        **medians,
        "ours_over_concrete": ratios(medians["ours"], medians["concrete"]),
    }
    write_figures(out, "keys", tree)


def _measured(maker: str, folder: Path) -> dict[str, float]:
    keys = folder / maker
    keys.mkdir(exist_ok=True)
    where = [str(keys), str(folder / "plan.json"), str(folder / "specification.json")]
    made, first = (
        ask(["-m", "quietkeys_bench.keys.child", maker, what, *where], environment=_THREADS)
        for what in ("make", "encrypt")
    )
    return {
        "keys_seconds": made["work_seconds"],
        "keys_peak_bytes": made["peak_bytes"],
        "import_seconds": made["import_seconds"],
        "first_report_seconds": first["total_seconds"],
        "first_report_peak_bytes": first["peak_bytes"],
    }


def medians_of(rows: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return the median of every figure."""
    return {name: float(statistics.median(row[name] for row in rows)) for name in FIGURES}


def ratios(ours: Mapping[str, float], theirs: Mapping[str, float]) -> dict[str, Any]:
    """Return ours over theirs for every figure."""
    return {name: ours[name] / theirs[name] for name in FIGURES}
