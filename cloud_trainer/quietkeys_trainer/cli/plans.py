"""The commands of model owners: `plan build`, `plan check`, `plan publish`, `plan retire`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from quietkeys_trainer.cli.options import typed_exit
from quietkeys_trainer.engine.circuit_cache import circuits_folder
from quietkeys_trainer.engine.interface import EngineLoader
from quietkeys_trainer.plans.catalogue import Catalogue, read_plan
from quietkeys_trainer.plans.costs import cost_of
from quietkeys_trainer.plans.recipes import read_recipe
from quietkeys_trainer.storage.files import PUBLIC, write_whole

PlanFile = Annotated[Path, typer.Argument(help="A plan's canonical form.", dir_okay=False)]
CatalogueOption = Annotated[Path, typer.Option("--plans", help="Folder of published plans.", file_okay=False)]
ClientOption = Annotated[
    Path | None, typer.Option(help="Where to write the specification that devices ship with.", dir_okay=False)
]


def make_plan_cli(load: EngineLoader) -> typer.Typer:
    """Return the commands over an engine."""
    plans = typer.Typer(no_args_is_help=True, help="What may be trained: see docs/PLANS.md.")

    @plans.command("build")
    def _build(
        recipe: Annotated[Path, typer.Argument(help="A recipe, in JSON.", dir_okay=False)],
        out: Annotated[Path, typer.Option(help="Where to write the plan.", dir_okay=False)],
    ) -> None:
        """Make the integer plan of a recipe, if it may be shipped, and say what a round of it takes."""
        with typed_exit():
            plan = read_recipe(recipe)
            cost = cost_of(plan)
            write_whole(out, plan.canonical, PUBLIC)
            print(cost)

    @plans.command("check")
    def _check(file: PlanFile) -> None:
        """Say what a round of a plan takes, or which rule it breaks."""
        with typed_exit():
            print(cost_of(read_plan(file)))

    @plans.command("publish")
    def _publish(file: PlanFile, plans: CatalogueOption, client: ClientOption = None) -> None:
        """Compile a plan, and add it with its pin to a folder that trainers serve (`serve --plans`)."""
        with typed_exit():
            folder = circuits_folder()
            engine = load(read_plan(file), folder, [folder])
            Catalogue(plans).publish(engine.plan, engine.client_specification_sha256)
            if client is not None:
                write_whole(client, engine.client_specification, PUBLIC)
            print(f"{engine.plan.hash} {engine.client_specification_sha256}")

    @plans.command("retire")
    def _retire(
        plan_hash: Annotated[str, typer.Argument(help="64 hex digits.")],
        plans: CatalogueOption,
        advice: Annotated[str, typer.Option(help="What its devices should do, in one line.")],
    ) -> None:
        """Have trainers answer 410 to reports under a plan from their next start on."""
        with typed_exit():
            Catalogue(plans).retire(plan_hash, advice)

    return plans
