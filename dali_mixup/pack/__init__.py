"""Packing: from any source to shuffled shards, or files, of images that are as small as training needs them.

source ─▶ Plan (order, shards) ─▶ processes: decode, resize, encode ─▶ shards and their lines ─▶ merge ─▶ pack.jsonl
"""

from dali_mixup.pack.crew import PackingError
from dali_mixup.pack.merging import merge
from dali_mixup.pack.options import Options
from dali_mixup.pack.packing import Packing
from dali_mixup.pack.tally import Tally
from dali_mixup.pack.verifying import verify
from dali_mixup.sources.part import Part

__all__ = ["Options", "Packing", "PackingError", "Part", "Tally", "merge", "verify"]
