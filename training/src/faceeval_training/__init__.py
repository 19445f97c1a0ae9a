"""Train, distil, quantise and export face recognisers that faceeval runs."""

import os

# Read when ONNX Runtime is loaded, which else sends telemetry.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
