"""What runs: processes and the command line. The only code that knows Kafka, and the only code that writes the database."""

import gc
import os

# Processes share the cores. OpenMP's and BLAS's threads wait by spinning: beside busy processes they make each other slower, not faster.
# What gains from threads (a large table) asks for them by name.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

# Messages, and the worlds that they come from, are many objects and no cycles: looking for those every 700 objects took a tenth of a
# training's time and a sixth of the tests'.
gc.set_threshold(10_000, 50, 100)
