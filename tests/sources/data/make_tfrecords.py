"""Writes tests/sources/data/*.tfrecord with TensorFlow itself, so that no line of this library is involved.

    pip install tensorflow-cpu pillow && python tests/sources/data/make_tfrecords.py

`tfrecords.json`: the label and the SHA-256 of each image as TensorFlow reads them. Labels count from 1, as in
TensorFlow's ImageNet scripts; record k of shard s is a JPEG of (8 + k) x (6 + s) pixels.
"""

import hashlib
import io
import json
from pathlib import Path

import tensorflow as tf
from PIL import Image

HERE = Path(__file__).parent


def bytes_feature(value: bytes) -> tf.train.Feature:
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))


def int64_feature(value: int) -> tf.train.Feature:
    return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))


for shard in range(2):
    with tf.io.TFRecordWriter(str(HERE / f"train-{shard:05}-of-00002")) as writer:
        for record in range(4):
            buffer = io.BytesIO()
            size = (8 + record, 6 + shard)
            Image.new("RGB", size, (40 * record, 90 * shard, 200)).save(buffer, "JPEG", quality=90)
            features = {
                "image/height": int64_feature(size[1]),
                "image/width": int64_feature(size[0]),
                "image/colorspace": bytes_feature(b"RGB"),
                "image/channels": int64_feature(3),
                "image/class/label": int64_feature(1 + (3 * shard + record) % 5),
                "image/class/synset": bytes_feature(b"n0144%04d" % record),
                "image/format": bytes_feature(b"JPEG"),
                "image/filename": bytes_feature(b"n0144_%d.JPEG" % record),
                "image/encoded": bytes_feature(buffer.getvalue()),
            }
            example = tf.train.Example(features=tf.train.Features(feature=features))
            writer.write(example.SerializeToString())


def as_tensorflow_reads(path: Path) -> list[dict[str, object]]:
    found: list[dict[str, object]] = []
    for record in tf.data.TFRecordDataset(str(path)):
        feature = tf.train.Example.FromString(record.numpy()).features.feature
        image = feature["image/encoded"].bytes_list.value[0]
        label = feature["image/class/label"].int64_list.value[0]
        found.append({"label": label, "bytes": len(image), "sha256": hashlib.sha256(image).hexdigest()})
    return found


read = {path.name: as_tensorflow_reads(path) for path in sorted(HERE.glob("train-*-of-00002"))}
(HERE / "tfrecords.json").write_text(json.dumps(read, indent=1) + "\n")
