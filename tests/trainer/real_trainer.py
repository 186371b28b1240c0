"""`python -m tests.trainer.real_trainer`: the product's command line; it obeys as `fake_trainer` does."""

from __future__ import annotations

from quietkeys_trainer.cli.main import _load, make_cli
from tests.trainer.fake_trainer import obey

if __name__ == "__main__":
    obey()
    make_cli(_load, "tests.trainer.real_trainer")()
