import sys
from pathlib import Path

CONVERT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(CONVERT), str(CONVERT.parents[1] / "bench" / "peers")]
