"""The tour in its window, as `make tour` takes it: real encryption, a tap before the trainer, two minutes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import pytest

from quietkeys.demo.trainer_process import shipped_trainer
from quietkeys_bench.common.figures import read_figures
from quietkeys_keyboard.presenters.tour import MESSAGES, NAME, Stage, messages_in
from quietkeys_keyboard.settings import free_port
from tests.app.tap import Tap
from tests.sdk.http_trainer import serving
from tools.tour import tour

CHANGE: Final = re.compile(
    rf"{NAME} typed “(\S+)”\. Before the update, Space made it “(\S+)”; now it makes it “(\S+)”\."
)
BYTE: Final = re.compile(r"Byte ([\d,]+) of ([\d,]+) left the trainer as (\w\w) and came as (\w\w)\.")


@pytest.mark.soak
@pytest.mark.fhe
def test_the_tour_says_in_time_what_is_so(tmp_path: Path) -> None:
    """Its sentences are what came over the wire, what she typed and what the keyboard left, with pictures."""
    tap, pictures, figures = Tap(), tmp_path / "pictures", tmp_path / "tour.json"
    tap.opened.set()
    with shipped_trainer(tmp_path / "trainer", free_port()) as tap.url, serving(tap.passes) as url:
        (tmp_path / "app").mkdir()
        ended = tour(url, tmp_path / "app", pictures, figures)
    said = read_figures(figures, "tour")
    stages: dict[str, dict[str, Any]] = {one["stage"]: one for one in said["stages"]}
    assert {stage.value[0] for stage in Stage} - {*stages} <= {Stage.LEAVES.value[0]}  # may be over at once
    assert len([*pictures.glob("tour-*.png")]) == 10
    words_are_hers(stages)
    amounts_are_the_wires(tap, stages)
    the_byte_is_the_trainers(tap, stages["refused"])
    assert 0.0 < said["seconds"] <= said["longest_s"] == 120.0
    assert ended == 0


def words_are_hers(stages: dict[str, dict[str, Any]]) -> None:
    """She typed the word that changed, meant what it became, and the keys are seen to give just that."""
    words = [word for message in messages_in(MESSAGES.read_text("utf-8")) for word in message]
    found = CHANGE.fullmatch(stages["changed"]["text"])
    assert found is not None
    typed, before, after = found.groups()
    assert before != after
    assert (typed.lower(), after.lower()) in {(one.typed, one.meant.lower()) for one in words}
    assert stages["replays"]["text"] == found[0]
    assert stages["replays"]["field"].endswith(f"{after} ")
    assert stages["changed"]["title"].startswith("Better: ")


def amounts_are_the_wires(tap: Tap, stages: dict[str, dict[str, Any]]) -> None:
    """Nothing before she agreed; then bytes and requests as they came, and in the end all is deleted."""
    assert stages["enough"]["text"].endswith("Nothing has left this device.")
    assert tap.came[0].time > stages["enough"]["until"] - 0.5  # between two looks of the tour
    counted = re.match(r"[\d,]+ words counted, 60 of the 60 ", stages["enough"]["text"])
    assert counted is not None
    totals = {tap.total(one.time) for one in tap.came}
    during = re.search(r"[\d,]+ bytes left this device, in [\d,]+ requests\.", stages["trains"]["text"])
    assert during is not None
    assert during[0] in totals
    received = stages["received"]
    assert received["text"].startswith(tap.total(received["until"]).replace("left", "came from"))
    assert "What opens it is a key that never left this device." in received["text"]
    report = next(one for one in tap.came if one.path.startswith("/v1/reports"))
    assert len(set(report.body)) > 200  # of 256 bytes: nothing that could be read
    assert "signed a receipt" in stages["done"]["text"]
    deleted = [one for one in tap.came if (one.method, one.path[:12]) == ("DELETE", "/v1/devices/")]
    assert deleted[-1].status == 200
    assert deleted[0].time > stages["refused"]["until"] - 0.5


def the_byte_is_the_trainers(tap: Tap, refused: dict[str, Any]) -> None:
    """The byte that is named left the trainer so, in the second of two updates; the first stays in use."""
    updates = [one for one in tap.came if one.path.endswith("/update") and one.status == 200]
    assert len(updates) == 2
    found = BYTE.match(refused["text"])
    assert found is not None
    place, size = (int(one.replace(",", "")) for one in found.groups()[:2])
    answer = updates[1].answer
    assert (size, f"{answer[place - 1]:02x}") == (len(answer), found[3])
    assert int(found[4], 16) != answer[place - 1]
    assert refused["title"] == "Refused"
    assert refused["text"].endswith("It was not used: update 1 stays.")
