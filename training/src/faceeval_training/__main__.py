"""`python -m faceeval_training`."""

import os
import sys

# Threads that spin while they wait cost more than they gain where other work shares the cores.
# OpenMP reads this when PyTorch is loaded, hence before the import.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

from faceeval_training.command_line import main

sys.exit(main())
