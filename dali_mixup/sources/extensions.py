"""Extensions of image files."""

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
    ".jp2",
)
"""torchvision's extensions, and those of JPEG 2000, which DALI decodes."""
