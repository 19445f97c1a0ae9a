"""From trained weights to an ONNX build in the manifest."""
