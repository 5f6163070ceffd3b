"""A short run of tests/soak, so that it keeps working."""

import pathlib
import subprocess
import sys
import unittest

from http_tools import SLOWNESS

RUN = pathlib.Path(__file__).parent.parent / "soak" / "run"


class Soak(unittest.TestCase):
    def test_20_seconds_of_load_with_faults_bring_no_wrong_answer(self):
        run = subprocess.run([sys.executable, "-B", RUN, "0.34"], text=True, capture_output=True,
                             timeout=120 * SLOWNESS)
        print(run.stdout, flush=True)
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)


if __name__ == "__main__":
    unittest.main()
