"""Writes tests/sources/data/*.rec with MXNet 1.9.1 itself, so that no line of this library is involved.

    python3.8 -m pip install mxnet==1.9.1 numpy==1.22.4 pillow && python3.8 tests/sources/data/make_recordio.py

`images.rec`: 5 images; the third holds RecordIO's magic number three times at multiples of 4 bytes, so MXNet writes it
in parts; the fifth record has its label in a list of one. `labels.rec`: 3 images with 3 labels each, the class second,
and a record without an image. `recordio.json`: the label and the SHA-256 of each image as MXNet reads them.
"""

import hashlib
import io
import json
import struct
from pathlib import Path

import mxnet
from PIL import Image

HERE = Path(__file__).parent
MAGIC = struct.pack("<I", 0xCED7230A)


def jpeg(number):
    buffer = io.BytesIO()
    Image.new("RGB", (9 + number, 7), (40 * number, 90, 200)).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def divided():
    """A JPEG and bytes behind its end, which decoders ignore."""
    start = jpeg(2)
    return start + bytes(-len(start) % 4) + MAGIC + b"between " + MAGIC + MAGIC + b"odd"


def write(name, records):
    index, path = str(HERE / name) + ".idx", str(HERE / name) + ".rec"
    writer = mxnet.recordio.MXIndexedRecordIO(index, path, "w")
    for number, (label, image) in enumerate(records):
        header = mxnet.recordio.IRHeader(0, label, 70 + number, 0)
        writer.write_idx(70 + number, mxnet.recordio.pack(header, image))
    writer.close()
    reader = mxnet.recordio.MXIndexedRecordIO(index, path, "r")
    found = []
    for key in reader.keys:
        header, image = mxnet.recordio.unpack(reader.read_idx(key))
        label = header.label.tolist() if hasattr(header.label, "tolist") else header.label
        found.append({"label": label, "bytes": len(image), "sha256": hashlib.sha256(image).hexdigest()})
    return found


images = [(3, jpeg(0)), (0, jpeg(1)), (2, divided()), (1.0, jpeg(3)), ([4.0], jpeg(4))]
several = [
    ([9.0, 1.0, 0.5], jpeg(0)),
    ([9.0, 0.0, 0.5], jpeg(1)),
    ([9.0, 2.0, 7.0], b""),
    ([9.0, 1.0, 7.0], jpeg(2)),
]
expected = {"images": write("images", images), "labels": write("labels", several)}
(HERE / "recordio.json").write_text(json.dumps(expected, indent=1) + "\n")
(HERE / "labels.idx").unlink()
