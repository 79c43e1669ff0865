"""Before anything imports NumPy: one BLAS thread, as on the command line; spinning threads slow small systems manyfold."""

import signal

from motionimit.runtime import calm_blas, quiet_native_logs

calm_blas()
quiet_native_logs()
signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job inherits it ignored, and so would every child
