"""Extensions of image files."""

JPEG_2000 = ".jp2"

IMAGE_EXTENSIONS = (
    ".jpg",
    ".jpeg",
    ".png",
    ".ppm",
    ".bmp",
    ".pgm",
    ".tif",
    ".tiff",
    ".webp",
    JPEG_2000,
)
"""torchvision's extensions, and those of JPEG 2000, which DALI decodes."""
