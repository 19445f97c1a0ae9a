"""The process of one peer, and what was measured of it."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent


class Peer:
    """The process of one peer."""

    def __init__(self, name: str, words: list[str], threads: int, job: Path) -> None:
        self.name = name
        number = str(threads)
        # Waiting threads of one peer must not take the core that another is measured on.
        env = os.environ | {
            "OMP_NUM_THREADS": number,
            "OMP_WAIT_POLICY": "PASSIVE",
            "KMP_BLOCKTIME": "0",
            "GLOG_minloglevel": "3",
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "PYTHONWARNINGS": "ignore",
        }
        self._process = subprocess.Popen(
            [*words, number, str(job)],
            cwd=HERE,
            env=env,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self.absent = self._answer().get("absent")
        self.wall_ms: list[float] = []
        self.cpu_ms: list[float] = []
        self.peak_rss_bytes = 0

    def ask(self, do: str, **options: Any) -> dict[str, Any]:
        self._process.stdin.write(json.dumps({"do": do, **options}) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def take_turn(self, runs: int) -> None:
        turn = self.ask("time", runs=runs)
        self.wall_ms += turn["wallMs"]
        self.cpu_ms += turn["cpuMs"]
        self.peak_rss_bytes = turn["peakRssBytes"]

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait()

    def _answer(self) -> dict[str, Any]:
        line = self._process.stdout.readline()
        return json.loads(line) if line else {"absent": f"it ended with {self._process.wait()}"}


def row_of(peer: Peer, threads: int, quality: dict[str, Any]) -> dict[str, Any]:
    wall = sorted(peer.wall_ms)
    return {
        "peer": peer.name,
        "threads": threads,
        "runs": len(wall),
        "p50Ms": round(statistics.median(wall), 3),
        "p90Ms": round(wall[int(len(wall) * 0.9)], 3),
        "minMs": round(wall[0], 3),
        "cpuP50Ms": round(statistics.median(peer.cpu_ms), 3),
        "peakRssBytes": peer.peak_rss_bytes,
        **quality,
    }
