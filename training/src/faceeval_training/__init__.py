"""Train, distil, quantise and export face recognisers that faceeval runs."""
