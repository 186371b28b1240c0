"""Builds the shipped model bundle from the folder of texts and typing statistics.

    python tools/build_model.py DATA_DIR --out FOLDER

DATA_DIR holds `text/` and `typing/`. The stages are in `tools/model_build`; this is their order.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run as a script, `tools` is not importable

from tools.model_build import bundle_writer, language_files
from tools.model_build.bundle_writer import SigningKeyError
from tools.model_build.corpora import TrainingTextError
from tools.model_build.language import Language, build_language

app = typer.Typer(add_completion=False, pretty_exceptions_show_locals=False)


def language_of(data: Path, kept: Path) -> Language:
    """Return the language kept in a folder, or build and keep it."""
    if (kept / language_files.ARRAYS).exists():
        typer.echo(f"language: reused from {kept}")
        return language_files.load(kept)
    language = build_language(data / "text", data / "typing", lambda line: typer.echo(f"language: {line}"))
    language_files.save(language, kept)
    return language


@app.command()
def main(
    data: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="folder with text/ and typing/")],
    out: Annotated[Path, typer.Option(help="where to build; language/ inside is reused if it is there")],
    new_signing_key: Annotated[
        Path | None, typer.Option(help="make a key in this new file and print the public key to pin")
    ] = None,
) -> None:
    """Build the model bundle."""
    try:
        if new_signing_key is not None:
            typer.echo(f"pin in trusted_keys.py: {bundle_writer.new_signing_key(new_signing_key).hex()}")
        language = language_of(data, out / "language")
    except (SigningKeyError, TrainingTextError, OSError) as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error
    for name, value in sorted(language.figures.items()):
        typer.echo(f"language: {name} {value:,.4g}")


if __name__ == "__main__":
    app()
