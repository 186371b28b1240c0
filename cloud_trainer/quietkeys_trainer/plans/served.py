"""The plans that a trainer serves: of this version, those its settings name, those in a published folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from quietkeys_protocol.errors import ErrorCode, Refused
from quietkeys_protocol.shipped_plans import shipped_plans
from quietkeys_protocol.signing import is_hash
from quietkeys_trainer.engine.interface import Engine, EngineLoader
from quietkeys_trainer.plans.catalogue import Catalogue, ServedPlan, read_plan
from quietkeys_trainer.service.settings import Settings


def served_plans(settings: Settings) -> tuple[ServedPlan, ...]:
    """Return the plans to serve; a shipped one only where it is not named or published as well.

    Raises `Refused` where pins are missing or too many, or a file is no plan.
    """
    plans, pins = settings.plan, settings.client_spec_sha256
    if pins and not settings.pin:
        raise Refused(ErrorCode.PLAN_INVALID, "--client-spec-sha256 and --no-pin exclude each other")
    if settings.pin and len(pins) != len(plans):
        detail = "as many --client-spec-sha256 as --plan are needed, or --no-pin"
        raise Refused(ErrorCode.PLAN_INVALID, detail)
    named = [ServedPlan(path, pin) for path, pin in zip(plans, pins or [""] * len(plans), strict=True)]
    published = () if settings.plans is None else Catalogue(settings.plans).plans()
    chosen = (*named, *published)
    if not settings.shipped_plans:
        return chosen
    known = {read_plan(plan.path).hash for plan in chosen}
    shipped = (ServedPlan(plan.path, plan.client_specification_sha256) for plan in shipped_plans())
    return (*(plan for plan in shipped if read_plan(plan.path).hash not in known), *chosen)


def load_engines(plans: Sequence[ServedPlan], settings: Settings, load: EngineLoader) -> dict[str, Engine]:
    """Return the engines of all these plans, by plan hash.

    Raises `Refused` where a plan is malformed or not pinned, or its circuit's client specification is not the
    one that devices have pinned: such a trainer would answer every device with something that it cannot
    decrypt.
    """
    engines: dict[str, Engine] = {}
    for served in plans:
        pinned = served.client_specification_sha256
        if not pinned and settings.pin:
            raise Refused(
                ErrorCode.PLAN_INVALID, "it needs a --client-spec-sha256, or --no-pin for all plans"
            )
        if pinned and not is_hash(pinned):
            raise Refused(ErrorCode.PLAN_INVALID, "a pinned hash is not 64 hex digits")
        engine = load(read_plan(served.path), settings.circuits, settings.secret_places)
        if pinned and engine.client_specification_sha256 != pinned:
            found = engine.client_specification_sha256
            raise Refused(ErrorCode.PLAN_INVALID, f"its client specification is {found}, not the pinned one")
        engines[engine.plan.hash] = engine
    if not engines:
        raise Refused(ErrorCode.PLAN_INVALID, "there is none to serve")
    return engines


def advice_of(plans: Sequence[ServedPlan]) -> Mapping[str, str]:
    """Return what devices should do instead, by plan hash, of the plans that are retired."""
    return {read_plan(plan.path).hash: plan.retired for plan in plans if plan.retired}
