"""One peer in a process of its own, told line by line what to do. Started by run.py only.

    worker.py detector|recogniser NAME THREADS JOB     JOB: a file with the folders of the run

Each line of the input is a command in JSON, each line of the output its answer:
{"do": "time", "runs": 5} gives wall and processor times of runs on the prepared picture or face,
{"do": "detect", "paths": [...]} boxes, {"do": "embed"} templates of the prepared faces.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

# Answers go where print() of an engine cannot disturb them.
ANSWERS = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)


def main() -> None:
    kind, name, threads, job = sys.argv[1:]
    folders = {key: Path(value) for key, value in json.loads(Path(job).read_text()).items()}
    opened = open_detector if kind == "detector" else open_recogniser
    try:
        commands = opened(name, int(threads), folders)
    except Exception as error:  # noqa: BLE001 - whatever is missing is told and ends this peer only
        answer({"absent": str(error).splitlines()[0][:300] if str(error) else repr(error)})
        return
    answer({"ready": True})
    for line in sys.stdin:
        command = json.loads(line)
        answer(commands[command.pop("do")](**command))


def answer(value: dict[str, Any]) -> None:
    ANSWERS.write(json.dumps(value) + "\n")
    ANSWERS.flush()


def open_detector(name: str, threads: int, folders: dict[str, Path]) -> dict[str, Callable]:
    import cv2
    from detectors import DETECTORS

    cv2.setNumThreads(threads)
    detect = DETECTORS[name](threads, folders["models"], folders["peerModels"])
    frame = cv2.imread(str(folders["frame"]))

    def boxes(paths: list[str]) -> dict[str, Any]:
        return {"boxes": [detect(cv2.imread(path)).tolist() for path in paths]}

    return {"time": timed(lambda: detect(frame)), "detect": boxes}


def open_recogniser(name: str, threads: int, folders: dict[str, Path]) -> dict[str, Callable]:
    import numpy as np
    from recognisers import RECOGNISERS

    embed, path = RECOGNISERS[name](threads, folders["fp32"], folders["int8"], folders["work"])
    faces = np.load(folders["faces"])
    one = faces[:1].copy()

    def templates() -> dict[str, Any]:
        return {"templates": np.asarray(embed(faces)).tolist(), "bytes": path.stat().st_size}

    return {"time": timed(lambda: embed(one)), "embed": templates}


def timed(work: Callable[[], Any]) -> Callable[[int], dict[str, Any]]:
    def run(runs: int) -> dict[str, Any]:
        wall_ms, cpu_ms = [], []
        for _ in range(runs):
            start, start_cpu = time.perf_counter(), time.process_time()
            work()
            wall_ms.append((time.perf_counter() - start) * 1000)
            cpu_ms.append((time.process_time() - start_cpu) * 1000)
        return {"wallMs": wall_ms, "cpuMs": cpu_ms, "peakRssBytes": peak_rss_bytes()}

    return run


def peak_rss_bytes() -> int:
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


if __name__ == "__main__":
    main()
