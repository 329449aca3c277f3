"""tf.train.Example and Caffe's Datum by protobuf's own runtime, described here as in their .proto files."""

from __future__ import annotations

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_KIND = descriptor_pb2.FieldDescriptorProto
_INT32, _INT64, _BYTES, _STRING = _KIND.TYPE_INT32, _KIND.TYPE_INT64, _KIND.TYPE_BYTES, _KIND.TYPE_STRING
_FLOAT, _BOOL, _MESSAGE = _KIND.TYPE_FLOAT, _KIND.TYPE_BOOL, _KIND.TYPE_MESSAGE

# (name, number, type, the message's name of a message field, repeated); a map is a repeated message of key and value.
_DESCRIBED: dict[str, list[tuple[str, int, Any, str, bool]]] = {
    "Datum": [
        ("channels", 1, _INT32, "", False),
        ("height", 2, _INT32, "", False),
        ("width", 3, _INT32, "", False),
        ("data", 4, _BYTES, "", False),
        ("label", 5, _INT32, "", False),
        ("float_data", 6, _FLOAT, "", True),
        ("encoded", 7, _BOOL, "", False),
    ],
    "BytesList": [("value", 1, _BYTES, "", True)],
    "FloatList": [("value", 1, _FLOAT, "", True)],
    "Int64List": [("value", 1, _INT64, "", True)],
    "Feature": [
        ("bytes_list", 1, _MESSAGE, "BytesList", False),
        ("float_list", 2, _MESSAGE, "FloatList", False),
        ("int64_list", 3, _MESSAGE, "Int64List", False),
    ],
    "Entry": [("key", 1, _STRING, "", False), ("value", 2, _MESSAGE, "Feature", False)],
    "Features": [("feature", 1, _MESSAGE, "Entry", True)],
    "Example": [("features", 1, _MESSAGE, "Features", False)],
}


def _classes() -> dict[str, Any]:
    pool = descriptor_pool.DescriptorPool()
    file = descriptor_pb2.FileDescriptorProto(name="tests.proto", package="tests", syntax="proto2")
    for name, fields in _DESCRIBED.items():
        message = file.message_type.add(name=name)
        for field, number, kind, of, repeated in fields:
            label = _KIND.LABEL_REPEATED if repeated else _KIND.LABEL_OPTIONAL
            message.field.add(
                name=field, number=number, type=kind, label=label, type_name=f".tests.{of}" if of else None
            )
    pool.Add(file)
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"tests.{name}"))
        for name in _DESCRIBED
    }


_CLASSES = _classes()
Datum, Example = _CLASSES["Datum"], _CLASSES["Example"]


def example(features: dict[str, list[bytes] | list[int] | list[float]]) -> bytes:
    """A serialised Example of these features; the type of the first value is that of the feature."""
    message = Example()
    for name, values in features.items():
        entry = message.features.feature.add(key=name)
        kind = {bytes: "bytes_list", int: "int64_list", float: "float_list"}[type((*values, b"")[0])]
        getattr(entry.value, kind).value.extend(values)
    return message.SerializeToString()


def datum(image: bytes, label: int | None, **more: int) -> bytes:
    """A serialised Datum of an encoded image, or with `channels`, `height` and `width` of pixels."""
    message = Datum(data=image, encoded=not more, **more)
    if label is not None:
        message.label = label
    return message.SerializeToString()
