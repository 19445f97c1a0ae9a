"""Measures faceeval's detector and recogniser beside others on this machine; see README.md.

    python bench/peers/run.py --images LFW --recognisers FOLDER --out bench/results/peers-NAME.json

Every peer is a process of its own. They are measured in turns of a few runs, round after round, so
that what else the machine does meets all of them alike.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from absences import ABSENCES
from agreement import box_agreement, centre_hits, cosines
from detectors import DETECTORS
from peer_process import Peer, row_of
from recognisers import RECOGNISERS
from tabulate import tabulate

# Read by the peers when they load ONNX Runtime, which else sends telemetry.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
OURS = "faceeval"
STRAIGHT = "straight Python, ONNX Runtime"
LFW_SIDE_PX = 250
FACES = 16
RUNS_PER_TURN = 3
ENGINES = (
    *("ai-edge-litert", "facenet-pytorch", "insightface", "MNN", "ncnn", "onnxruntime"),
    *("opencv-python-headless", "paddlepaddle", "torch"),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--images", type=Path, required=True, help="LFW, <Name>/<Name>_0001.jpg")
    parser.add_argument("--limit", type=int, default=500, help="images of LFW")
    parser.add_argument(
        "--photos", type=Path, default=ROOT / "node_modules/@vladmandic/face-api/demo"
    )
    parser.add_argument("--recognisers", type=Path, help="a models folder with a ResNet-50")
    parser.add_argument("--peer-models", type=Path, default=ROOT / "../shared/data/peer-models")
    parser.add_argument("--work", type=Path, default=ROOT / "out/peers-work")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument(
        "--quality", type=Path, help="an earlier result whose accuracy is taken over: times only"
    )
    parser.add_argument("--only", choices=("detector", "recogniser"))
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    result = measure(options)
    print(tables(result))
    if options.out is not None:
        options.out.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n")


def measure(options: argparse.Namespace) -> dict[str, Any]:
    options.work.mkdir(parents=True, exist_ok=True)
    job, builds = prepare(options)
    result: dict[str, Any] = {
        "schema": 1,
        "kind": "peers",
        "measuredAt": datetime.now(UTC).isoformat(timespec="seconds"),
        "cpu": cpu_name(),
        "cores": os.cpu_count(),
        "loadBefore": round(os.getloadavg()[0], 2),
        "rounds": options.rounds,
        "versions": versions(),
        "detectors": [],
        "recognisers": [],
        "absent": list(ABSENCES),
    }
    for threads in options.threads:
        if options.only != "recogniser":
            ours = {OURS: ["node", "ours.mjs", "detector", "mtcnn-fp32-x86"]}
            rows = measure_kind(
                "detector",
                {**ours, **others("detector", DETECTORS)},
                threads,
                job,
                options,
                result["absent"],
            )
            result["detectors"] += rows
        if options.only != "detector" and builds:
            ours = {
                f"{OURS} {precision}": ["node", "ours.mjs", "recogniser", build]
                for precision, build in builds.items()
            }
            rows = measure_kind(
                "recogniser",
                {**ours, **others("recogniser", RECOGNISERS)},
                threads,
                job,
                options,
                result["absent"],
            )
            result["recognisers"] += rows
    result["loadAfter"] = round(os.getloadavg()[0], 2)
    return result


def others(kind: str, peers: dict[str, Any]) -> dict[str, list[str]]:
    return {name: [sys.executable, "worker.py", kind, name] for name in peers}


def prepare(options: argparse.Namespace) -> tuple[Path, dict[str, str]]:
    """Writes what all peers are fed, and the file that tells them where it is."""
    work = options.work.resolve()
    frame, raw, faces = work / "frame.png", work / "faces.raw", work / "faces.npy"
    subprocess.run(["node", HERE / "ours.mjs", "prepare", frame, raw, str(FACES)], check=True)
    np.save(faces, np.fromfile(raw, np.uint8).reshape(FACES, 112, 112, 3))
    folders = {
        "models": ROOT / "models",
        "peerModels": options.peer_models.resolve(),
        "work": work,
        "frame": frame,
        "faces": faces,
        "rawFaces": raw,
    }
    builds: dict[str, str] = {}
    if options.recognisers is not None:
        folder = options.recognisers.resolve()
        manifest = json.loads((folder / "manifest.json").read_text())
        for build in manifest["builds"]:
            path = folder / build["files"][0]["path"]
            precision = build["precision"].upper()
            wanted = "resnet" in build["family"] and precision in ("FP32", "INT8")
            # The first INT8 build is the static one: the same weights as in FP32.
            if wanted and precision not in builds:
                folders[build["precision"]] = path
                builds[precision] = build["id"]
        folders["recognisers"] = folder
    job = work / "job.json"
    job.write_text(json.dumps({key: str(path) for key, path in folders.items()}))
    return job, builds


def measure_kind(
    kind: str,
    peers: dict[str, list[str]],
    threads: int,
    job: Path,
    options: argparse.Namespace,
    absent: list[dict[str, str]],
) -> list[dict[str, Any]]:
    running = []
    for name, words in peers.items():
        print(f"{kind}, {threads} threads: {name}", file=sys.stderr)
        peer = Peer(name, words, threads, job)
        if peer.absent is None:
            running.append(peer)
        elif all(entry["peer"] != name for entry in absent):
            absent.append({"peer": name, "reason": peer.absent})
    for peer in running:
        peer.ask("time", runs=RUNS_PER_TURN)
    for _ in range(options.rounds):
        for peer in running:
            peer.take_turn(RUNS_PER_TURN)
            time.sleep(0.05)
    quality: dict[str, Any] = {}
    if options.quality is not None:
        quality = earlier_quality(options.quality, kind, threads)
    elif threads == options.threads[0]:
        judge = judge_detectors if kind == "detector" else judge_recognisers
        quality = judge(running, options)
    rows = [row_of(peer, threads, quality.get(peer.name, {})) for peer in running]
    for peer in running:
        peer.close()
    return rows


def earlier_quality(path: Path, kind: str, threads: int) -> dict[str, Any]:
    """What an earlier result says beside times; it does not depend on the load of the machine."""
    rows = json.loads(path.read_text())[f"{kind}s"]
    keys = ("lfw", "photos", "agreement", "sizeBytes", "meanCosine", "leastCosine")
    return {
        row["peer"]: {key: row[key] for key in keys if key in row}
        for row in rows
        if row["threads"] == threads
    }


def judge_detectors(peers: list[Peer], options: argparse.Namespace) -> dict[str, Any]:
    """Who is found on LFW and on the demo's photos, and how far boxes are the straight way's."""
    every = sorted(options.images.rglob("*.jpg"))
    images = [str(path.resolve()) for path in every[:: max(1, len(every) // options.limit)]]
    images = images[: options.limit]
    photos = [str(path.resolve()) for path in sorted(options.photos.glob("sample*.jpg"))]
    boxes = {
        peer.name: [
            np.array(b).reshape(-1, 4) for b in peer.ask("detect", paths=images + photos)["boxes"]
        ]
        for peer in peers
    }
    return {
        name: {
            "lfw": centre_hits(found[: len(images)], LFW_SIDE_PX),
            "photos": {"pictures": len(photos), "faces": sum(map(len, found[len(images) :]))},
            "agreement": box_agreement(boxes[STRAIGHT], found),
        }
        for name, found in boxes.items()
    }


def judge_recognisers(peers: list[Peer], _: argparse.Namespace) -> dict[str, Any]:
    """How near each peer's templates are to those of the FP32 build in ONNX Runtime."""
    answers = {peer.name: peer.ask("embed") for peer in peers}
    expected = np.array(answers["ONNX Runtime, Python"]["templates"])
    quality = {}
    for name, answer in answers.items():
        near = cosines(expected, np.array(answer["templates"]))
        quality[name] = {
            "sizeBytes": answer["bytes"],
            "meanCosine": round(float(near.mean()), 5),
            "leastCosine": round(float(near.min()), 5),
        }
    return quality


def versions() -> dict[str, str]:
    node = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout
    found = {"node": node.strip().removeprefix("v"), "python": platform.python_version()}
    for name in ENGINES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def cpu_name() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def tables(result: dict[str, Any]) -> str:
    lines = []
    for kind in ("detectors", "recognisers"):
        keys = ("peer", "threads", "p50Ms", "p90Ms", "minMs", "cpuP50Ms")
        more = ("lfw", "photos", "agreement", "meanCosine", "leastCosine")
        rows = [[row.get(key, "") for key in (*keys, *more)] for row in result[kind]]
        lines.append(tabulate(rows, headers=(*keys, *more)))
    lines += [f"absent: {entry['peer']}: {entry['reason']}" for entry in result["absent"]]
    return "\n\n".join(lines)


if __name__ == "__main__":
    main()
