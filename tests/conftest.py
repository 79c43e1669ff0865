"""Before anything imports NumPy: one BLAS thread, as on the command line; spinning threads slow small systems manyfold."""

from motionimit.runtime import calm_blas, quiet_native_logs

calm_blas()
quiet_native_logs()
