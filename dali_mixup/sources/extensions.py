"""Which files are images, by their names."""

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
"""torchvision's, and JPEG 2000, which DALI decodes."""
