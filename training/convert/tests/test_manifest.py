import json
from pathlib import Path
from typing import Any

from manifest import read_manifest, write_build


def build(identity: str, sha256: str, **more: Any) -> dict[str, Any]:
    return {"id": identity, "files": [{"sha256": sha256}], **more}


def test_a_build_is_replaced_where_it_stands(tmp_path: Path) -> None:
    for entry in (build("a", "1"), build("b", "2"), build("a", "3")):
        write_build(tmp_path, entry)
    assert [b["id"] for b in read_manifest(tmp_path)["builds"]] == ["a", "b"]
    assert read_manifest(tmp_path)["builds"][0]["files"][0]["sha256"] == "3"
    assert json.loads((tmp_path / "manifest.json").read_text())["schema"] == 1


def test_figures_stay_while_the_files_do(tmp_path: Path) -> None:
    write_build(tmp_path, build("a", "1", thresholds={"0.01": 0.3}, measured={"x": 1}))
    write_build(tmp_path, build("a", "1", licence="MIT"))
    [kept] = read_manifest(tmp_path)["builds"]
    assert kept["thresholds"] == {"0.01": 0.3} and kept["measured"] == {"x": 1}
    assert kept["licence"] == "MIT"
    write_build(tmp_path, build("a", "1", thresholds={"0.01": 0.4}))
    assert read_manifest(tmp_path)["builds"][0]["thresholds"] == {"0.01": 0.4}


def test_figures_of_other_files_do_not_stay(tmp_path: Path) -> None:
    write_build(tmp_path, build("a", "1", thresholds={"0.01": 0.3}))
    write_build(tmp_path, build("a", "2"))
    assert "thresholds" not in read_manifest(tmp_path)["builds"][0]
