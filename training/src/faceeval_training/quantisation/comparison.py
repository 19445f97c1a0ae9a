"""Builds beside each other: size, agreement with the first, accuracy, latency."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tabulate import tabulate

from faceeval_training.evaluation.embedding import onnx_embedder, open_session
from faceeval_training.evaluation.pair_benchmark import PairBenchmark

RUNS, WARM_UP = 60, 10
MIB = 1 << 20


@dataclass(frozen=True)
class BuildFigures:
    """What was measured of one build. Cosines are to the first build's templates."""

    path: Path
    size_bytes: int
    mean_cosine: float
    least_cosine: float
    accuracy: float | None
    accuracy_std: float | None
    p50_ms: dict[int, float]


def compare(
    builds: Sequence[Path],
    faces: np.ndarray,
    *,
    benchmark: PairBenchmark | None = None,
    threads: Sequence[int] = (1, 2),
    runs: int = RUNS,
) -> list[BuildFigures]:
    """Measures each build; `faces` uint8 [n,S,S,3] serve the cosines without a benchmark."""
    reference: np.ndarray | None = None
    rows = []
    for path in builds:
        embed = onnx_embedder(path, max(threads))
        result = None
        if benchmark is None:
            templates = np.concatenate([embed(faces[i : i + 16]) for i in range(0, len(faces), 16)])
        else:
            templates = benchmark.templates(embed, flip=False)
            result = benchmark.judge(templates)
        reference = templates if reference is None else reference
        cosines = (templates * reference).sum(axis=1)
        rows.append(
            BuildFigures(
                path,
                path.stat().st_size,
                float(cosines.mean()),
                float(cosines.min()),
                None if result is None else result.accuracy,
                None if result is None else result.accuracy_std,
                {count: latency_ms(path, faces[:1], count, runs) for count in threads},
            )
        )
    return rows


def latency_ms(path: Path, face: np.ndarray, threads: int, runs: int) -> float:
    """Median of `runs` runs with one face, after a warm-up."""
    session = open_session(path, threads)
    feed = {session.get_inputs()[0].name: face}
    took = []
    for number in range(runs + WARM_UP):
        start = time.perf_counter()
        session.run(None, feed)
        if number >= WARM_UP:
            took.append((time.perf_counter() - start) * 1000)
    return statistics.median(took)


def as_table(rows: Sequence[BuildFigures]) -> str:
    """The figures as a Markdown table."""
    threads = list(rows[0].p50_ms)
    header = ["build", "MiB", "mean cosine", "least cosine", "accuracy %"]
    header += [f"ms, {count} thread{'s' if count > 1 else ''}" for count in threads]
    body = [
        [
            f"{row.path.parent.name}/{row.path.name}",
            f"{row.size_bytes / MIB:.1f}",
            f"{row.mean_cosine:.4f}",
            f"{row.least_cosine:.4f}",
            "-"
            if row.accuracy is None
            else f"{100 * row.accuracy:.2f} ± {100 * (row.accuracy_std or 0):.2f}",
            *(f"{row.p50_ms[count]:.2f}" for count in threads),
        ]
        for row in rows
    ]
    return tabulate(body, header, tablefmt="github", disable_numparse=True)
