"""Nobody can bring a device back to an older bundle, to another plan, or to weaker encryption."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from quietkeys import Untrusted
from quietkeys_protocol.errors import ErrorCode
from quietkeys_protocol.plan import Plan
from tests.sdk import small
from tests.sdk.conftest import Rig
from tools.model_build import contents


def test_a_bundle_older_than_one_seen_is_refused(
    rig: Rig, bundle_files: dict[str, bytes], tmp_path: Path
) -> None:
    """Also where it is signed, and after everything was forgotten: the versions seen outlive a wipe."""
    newer = small.write(tmp_path / "newer" / "en", bundle_files, version=2)
    with rig.open(bundle=newer) as keyboard:
        keyboard.forget()
    with pytest.raises(Untrusted) as refused:
        rig.open()
    assert refused.value.code is ErrorCode.BUNDLE_UNTRUSTED
    assert "older" in str(refused.value)
    rig.open(bundle=newer).close()


def signed(folder: Path, content: Mapping[str, bytes], plan_hash: str) -> Path:
    """A bundle whose manifest names this plan."""
    contents.sign_bundle(
        folder, dict(content), small.KEY, version=1, plan_hash=plan_hash, created="2025-01-01"
    )
    return folder


def test_the_plan_is_the_one_that_the_manifest_names(
    rig: Rig, bundle_files: dict[str, bytes], tmp_path: Path
) -> None:
    """A plan under another's name is refused when the profile is opened."""
    folder = signed(tmp_path / "en", bundle_files, "0" * 64)
    with pytest.raises(Untrusted) as refused:
        rig.open(bundle=folder)
    assert refused.value.code is ErrorCode.BUNDLE_UNTRUSTED


@pytest.mark.parametrize(
    "specification", [b"{}", b"", Path(__file__).parents[2] / "vectors" / "small_specification.json"]
)
def test_encryption_parameters_are_checked_before_anything_is_sent(
    rig: Rig, bundle_files: dict[str, bytes], tmp_path: Path, specification: bytes | Path
) -> None:
    """A signed specification that is none, or another plan's, makes no keys and no request."""
    content = specification if isinstance(specification, bytes) else specification.read_bytes()
    files = bundle_files | {contents.CLIENT_SPECIFICATION: content}
    folder = signed(tmp_path / "en", files, Plan.parse(files["plan.json"]).hash)
    with rig.open(bundle=folder, cipher=None) as keyboard:
        for call in (keyboard.sync, keyboard.circle.invite):
            with pytest.raises(Untrusted) as refused:
                call()
            assert refused.value.code is ErrorCode.SPECIFICATION_UNTRUSTED
    assert rig.trainer.requests == []
    assert not (rig.folder / "profile" / "keys").exists()
