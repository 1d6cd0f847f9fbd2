"""faceswap: extract, train, convert. Faces swapped in photos and video from the command line."""

__version__ = "0.1.0"
