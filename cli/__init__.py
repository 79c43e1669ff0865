"""The command line of motionimit: every command parses, calls one library function and prints."""
