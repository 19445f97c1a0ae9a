"""What each of the two processes of test_two_processes_train_one_net does."""

import os
import sys
from pathlib import Path

import torch

from faceeval_training.data.loading import DrawnFaces
from faceeval_training.settings_file import load_settings
from faceeval_training.training.run import TrainingRun
from faceeval_training.training.start import train

config, output = Path(sys.argv[1]), Path(sys.argv[2])
seen: list[tuple[int, int]] = []
nets = []

read = DrawnFaces.__getitem__
save = TrainingRun._save


def remember_draw(self, draw):
    seen.append((draw.epoch, draw.number))
    return read(self, draw)


def remember_net(self, **options):
    nets.append(self._net)
    save(self, **options)


DrawnFaces.__getitem__ = remember_draw
TrainingRun._save = remember_net
train(load_settings(config), resume=False)
parameters = {name: value.detach() for name, value in nets[-1].named_parameters()}
torch.save({"parameters": parameters, "seen": seen}, output / f"rank{os.environ['RANK']}.pt")
