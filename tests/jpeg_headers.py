"""Headers of JPEGs of every kind, for hypothesis."""

from __future__ import annotations

import struct

import numpy as np
from hypothesis import strategies as st

frames = st.tuples(
    st.sampled_from([0xC0, 0xC1, 0xC2, 0xC3, 0xC4, 0xC5, 0xC9, 0xCF]),
    st.sampled_from([8, 8, 8, 12, 0]),
    st.tuples(st.sampled_from([0, 1, 30, 65535]), st.sampled_from([0, 1, 40, 65535])),
    st.lists(
        st.sampled_from([0x11, 0x11, 0x12, 0x21, 0x22, 0x41, 0x42, 0x44, 0x14, 0x00]), min_size=0, max_size=5
    ),
    st.sampled_from([0, 0, 0, 1, -3]),
)
"""(marker, bits, (height, width), the components' sampling, what its length is wrong by)."""

segments = st.sampled_from(
    [b"\xff\xfe\x00\x04ab", b"\xff\xdd\x00\x04\x00\x01", b"\xff\xee\x00\x0eAdobe" + bytes(7)]
)


def segment(marker: int, content: bytes, lie: int = 0) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, max(2, 2 + len(content) + lie)) + content


def jpeg(parts: list[object], scan: bytes = b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00") -> bytes:
    """A file with these frames and segments before its scan."""
    content = b"\xff\xd8"
    for part in parts:
        if isinstance(part, bytes):
            content += part
        else:
            marker, bits, size, samplings, lie = part  # type: ignore[misc]  # one of `frames`
            components = b"".join(bytes([1 + i, sampling, 0]) for i, sampling in enumerate(samplings))
            content += segment(marker, struct.pack(">BHHB", bits, *size, len(samplings)) + components, lie)
    return content + scan + bytes(300) + b"\xff\xd9"


def damaged(content: bytes, end: int, rng: np.random.RandomState) -> bytes:
    """The file with one to three of its first `end` bytes changed, but for its marker."""
    changed = bytearray(content)
    for at in rng.randint(2, end, rng.randint(1, 4)):
        changed[at] = rng.choice([0, 1, 0xFF, 0xDA, 0xC0, 0xE1, rng.randint(256)])
    return bytes(changed)
