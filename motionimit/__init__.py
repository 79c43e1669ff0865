"""motionimit: make the person in a photo move like the person in a video."""

__version__ = "0.1.0"
