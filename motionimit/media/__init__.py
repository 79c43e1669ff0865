"""Media in and out: photos, video frames as a stream, encoded results with their sound."""
