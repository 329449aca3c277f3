"""Images with masks, for segmentation: which file is the mask of which image, and the class ids in it."""
