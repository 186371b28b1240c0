"""The small bundle with a plan so tiny that a trainer trains it in seconds on real ciphertexts."""

from __future__ import annotations

from typing import Final

import numpy as np

from quietkeys.bundle.networks import FIRST_WORD
from quietkeys.keyboard import edits
from quietkeys.keyboard.touch_events import TOUCH_EVENTS
from quietkeys.prediction.events import FEATURES, EventMap
from quietkeys.prediction.model import EVENTS, PLAN, PUBLIC
from quietkeys_protocol.plan import Plan
from quietkeys_protocol.plan_design import Shape, feature_map, make_block
from tests.sdk import small
from tools.model_build import contents, plan_stage, rank
from tools.model_build.adapter_stage import parts_of
from tools.model_build.literals import literal_events
from tools.model_build.mixing import untaught

SHAPE: Final = Shape(planes=2, steps=2, gains=(6, 6), stability=0.2, floor=0.5, prior=1.0, z_reach=2.0)
WIDTH: Final = 4  # of the two blocks that can be taken for each other


def planned() -> plan_stage.Planned:
    """Return a plan with one habit of the hands, four kinds of words and four differences of features."""
    every_edit, names = plan_stage.channel_events()
    slips = [number for number, name in enumerate(names) if name.startswith("hit right")]
    event_of_edit = np.where(np.isin(every_edit, slips), 0, -1)
    starts = FIRST_WORD + np.array([0, 20, 60, 120])
    codes = np.eye(WIDTH, len(FEATURES))
    same = np.eye(WIDTH, dtype=np.int64)
    scale = plan_stage.feature_scale()
    turn = feature_map(codes, same, scale)
    base, kinds = rank.prior(), literal_events()
    events = EventMap(event_of_edit, starts, codes, scale, base.weights, turn, base.literal_odds)
    channel = ("hit right", *TOUCH_EVENTS)
    blocks = (
        make_block("channel", channel, np.eye(len(channel), dtype=np.int64), SHAPE),
        make_block("lexicon", [f"from {start}" for start in starts], same, SHAPE),
        make_block("ranker", [f"code {code}" for code in range(WIDTH)], same, SHAPE),
        make_block("literal", kinds, np.eye(len(kinds), dtype=np.int64), SHAPE),
    )
    assert event_of_edit.shape == (edits.EDIT_COUNT,)
    return plan_stage.Planned(Plan("tiny", blocks), events)


def files(client_specification: bytes) -> dict[str, bytes]:
    """Return the files of the bundle. client_specification: canonical, of the compiled plan."""
    spoken, made = small.language(), planned()
    mixing = untaught(FIRST_WORD + len(small.WORDS))
    return contents.language_files(spoken, parts_of(made, len(spoken.display)), mixing) | {
        PLAN: made.plan.canonical,
        contents.CLIENT_SPECIFICATION: client_specification,
        EVENTS: made.events.to_bytes(),
        PUBLIC: small.public_file(spoken, made),
    }
