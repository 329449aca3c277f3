"""The sources of encoded images and their labels."""

from dali_mixup.sources.archives.lmdb import LMDB
from dali_mixup.sources.archives.recordio import RecordIO
from dali_mixup.sources.archives.tar import TarShards
from dali_mixup.sources.archives.tfrecord import TFRecords
from dali_mixup.sources.archives.zip import ZipArchives
from dali_mixup.sources.bad_files import BadFile, BadFileError, Skip
from dali_mixup.sources.base import Place, Source
from dali_mixup.sources.classes import Classes
from dali_mixup.sources.exclude_list import read_exclude_list, write_exclude_list
from dali_mixup.sources.extensions import IMAGE_EXTENSIONS
from dali_mixup.sources.files import FileList
from dali_mixup.sources.folder import image_folder
from dali_mixup.sources.listed.manifest import read_manifest, write_manifest
from dali_mixup.sources.masks.options import Masks
from dali_mixup.sources.masks.pairs import ImagesWithMasks
from dali_mixup.sources.objects.map_style import DatasetSource
from dali_mixup.sources.opening import Data, open_source
from dali_mixup.sources.reading import StorageError
from dali_mixup.sources.remarks import Remark
from dali_mixup.sources.tables.table import Table

__all__ = [
    "IMAGE_EXTENSIONS",
    "LMDB",
    "BadFile",
    "BadFileError",
    "Classes",
    "Data",
    "DatasetSource",
    "FileList",
    "ImagesWithMasks",
    "Masks",
    "Place",
    "RecordIO",
    "Remark",
    "Skip",
    "Source",
    "StorageError",
    "TFRecords",
    "Table",
    "TarShards",
    "ZipArchives",
    "image_folder",
    "open_source",
    "read_exclude_list",
    "read_manifest",
    "write_exclude_list",
    "write_manifest",
]
