"""Builds the shipped model bundle from the folder of texts and typing statistics.

    python tools/build_model.py DATA_DIR --out FOLDER --signing-key FILE --version N --created YYYY-MM-DD

DATA_DIR holds `text/` and `typing/`; the word lists are those of SCOWL. The stages are in
`tools/model_build`; this is their order. It takes about an hour on two cores and 4 GB, nearly all of it to
train the network. A training that was stopped goes on from its last checkpoint in OUT/network, and a language
that was built is kept in OUT/language: remove both to build anew from other sources or with another seed.
With --network the network of an earlier bundle is taken over, and everything else is built around it.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # run as a script, `tools` is not importable

from quietkeys.bundle.bundle import Bundle, open_bundle
from quietkeys.bundle.trusted_keys import TRUSTED_KEYS
from quietkeys_protocol.errors import Untrusted
from quietkeys_trainer.engine.local import load_engine
from tools.model_build import bundle_writer, contents, language_files
from tools.model_build.adapter_stage import adapter_files
from tools.model_build.bundle_writer import SigningKeyError
from tools.model_build.corpora import TrainingTextError
from tools.model_build.frequencies import FrequenciesError, package_frequencies
from tools.model_build.language import Language, Sources, build_around, build_language
from tools.model_build.neural import training
from tools.model_build.neural.training import CheckpointError, Recipe
from tools.model_build.offensive import PhrasesError
from tools.model_build.scowl import ScowlError

USUAL = Recipe()
PUBLIC_KEY_BYTES = 32
MISSING = (
    CheckpointError,
    FrequenciesError,
    PhrasesError,
    ScowlError,
    SigningKeyError,
    TrainingTextError,
    Untrusted,
    OSError,
)

app = typer.Typer(add_completion=False, pretty_exceptions_show_locals=False)


def language_of(sources: Sources, out: Path, recipe: Recipe, network: Bundle | None) -> Language:
    """Return the language kept in OUT/language, or build and keep it. network: whose to take over, if any."""
    kept = out / "language"
    if language_files.is_kept(kept):
        typer.echo(f"language: reused from {kept}")
        return language_files.load(kept)

    def report(line: str) -> None:
        typer.echo(f"language: {line}")

    if network is None:
        language = build_language(sources, out / "network", recipe, report)
    else:
        language = build_around(network, sources, report)
    language_files.save(language, kept)
    return language


def public_key(text: str) -> bytes:
    """Return the 32 bytes of a public key in hex; raise ValueError for anything else."""
    key = bytes.fromhex(text)
    if len(key) != PUBLIC_KEY_BYTES:
        raise ValueError("not a public key")
    return key


@app.command()
def main(
    data: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="folder with text/ and typing/")],
    out: Annotated[Path, typer.Option(help="where to build; what is in it already is not built again")],
    signing_key: Annotated[Path, typer.Option(help="the publisher's private key, outside the repository")],
    version: Annotated[int, typer.Option(min=1, help="grows with every release")],
    created: Annotated[str, typer.Option(help="YYYY-MM-DD, written into the manifest")],
    new_signing_key: Annotated[
        bool, typer.Option("--new-signing-key", help="make the key first and print the public key to pin")
    ] = False,
    word_lists: Annotated[
        Path, typer.Option(help="SCOWL's lists; Debian's package scowl puts them there")
    ] = Path("/usr/share/dict/scowl"),
    network: Annotated[
        Path | None, typer.Option(help="a signed bundle whose network to take over instead of training one")
    ] = None,
    network_key: Annotated[
        bytes | None,
        typer.Option(
            parser=public_key, metavar="HEX", help="of --network, if its public key is not pinned any more"
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="of the network's training")] = USUAL.seed,
    tokens: Annotated[int, typer.Option(min=1, help="words that the network reads")] = USUAL.tokens,
    threads: Annotated[int, typer.Option(min=1, help="of the network's training")] = USUAL.threads,
) -> None:
    """Build the model bundle in OUT/en and sign it."""
    keys = TRUSTED_KEYS if network_key is None else (network_key,)
    try:
        taken_over = None if network is None else open_bundle(network, trusted_keys=keys)
        sources = Sources(data / "text", data / "typing", word_lists, package_frequencies())
        if new_signing_key:
            typer.echo(f"pin in trusted_keys.py: {bundle_writer.new_signing_key(signing_key).hex()}")
        key = bundle_writer.read_signing_key(signing_key)
        language = language_of(sources, out, Recipe(seed=seed, tokens=tokens, threads=threads), taken_over)
        made = adapter_files(language, sources.text, lambda line: typer.echo(f"adapter: {line}"))
        engine = load_engine(made.plan, out / "circuits")
        typer.echo(f"plan: {made.plan.hash}, {engine.security_bits} bits")
        files = made.files | {contents.CLIENT_SPECIFICATION: engine.specification.canonical}
        contents.sign_bundle(
            out / "en", files, key, version=version, plan_hash=made.plan.hash, created=created
        )
    except MISSING as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from error
    for name, value in sorted(language.figures.items()):
        typer.echo(f"language: {name} {value:,.4g}")
    typer.echo("for benchmarks/results:")
    for path in (out / "network" / training.LOG, out / "language" / language_files.FIGURES):
        if path.exists():
            typer.echo(f"  {path}")


if __name__ == "__main__":
    app()
