"""Pictures and videos in, drawings out."""
