"""Reads a run's event files with TensorBoard's own reader and compares them with metrics.jsonl and previews/.

Needs tensorboard==2.21.0 alone, in an environment of its own:
    python3 -m venv ~/tensorboard-py && ~/tensorboard-py/bin/pip install tensorboard==2.21.0
    ~/tensorboard-py/bin/python tools/reference/event_files.py runs/digits

With tensorboard 2.21.0, a run of 16 steps that was killed after step 12, left with half a record at the end of
its file and resumed from step 10 reads back whole: every scalar of every step once, bit for bit as float32,
and every preview byte for byte.
"""

import json
import struct
import sys
from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator


def float32(value):
    return struct.unpack("f", struct.pack("f", value))[0]


run = Path(sys.argv[1])
accumulator = EventAccumulator(str(run), size_guidance={"scalars": 0, "images": 0})
accumulator.Reload()
tags = accumulator.Tags()

expected = {}
for line in map(json.loads, (run / "metrics.jsonl").read_text().splitlines()):
    figures = {}
    if "losses" in line and not line["skipped"]:
        figures = {f"train/{name}": loss for name, loss in line["losses"].items()}
        figures |= {"train/gradient_norm": line["gradientNorm"], "train/learning_rate": line["learningRate"]}
    if "heldOut" in line:
        held_out = line["heldOut"]
        figures["held_out/mean"] = held_out["mean"]
        figures |= {f"held_out/at_{point}": loss for point, loss in zip(held_out["points"], held_out["losses"])}
    for tag, value in figures.items():
        if value is not None:
            expected.setdefault(tag, []).append((line["step"], float32(value)))

measured = {tag: [(event.step, event.value) for event in accumulator.Scalars(tag)] for tag in tags["scalars"]}
speeds = measured.pop("train/images_per_second")
assert measured == expected, "the scalars are not those of metrics.jsonl"
assert [step for step, _ in speeds] == [step for step, _ in measured["train/gradient_norm"]]

previews = {event.step: event.encoded_image_string for event in accumulator.Images("preview")}
files = {int(path.stem): path.read_bytes() for path in (run / "previews").glob("*.png")}
assert previews == files, "the images are not those of previews/"
print(f"{sum(map(len, measured.values()))} points under {len(measured)} tags and {len(files)} previews agree")
