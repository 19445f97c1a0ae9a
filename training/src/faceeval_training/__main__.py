"""`python -m faceeval_training`."""

import sys

from faceeval_training.command_line import main

sys.exit(main())
