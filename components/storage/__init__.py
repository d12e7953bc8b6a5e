"""Where the images are."""
