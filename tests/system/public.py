"""The extracts of public data that the monitor's figures are held against are what the whole files say."""

import subprocess
import sys

from guest import CRATE

FIXTURES = CRATE / "tests/fixtures/monitor"


def test_extracts_are_of_the_public_files(room):
    folder = room.path("fetched")
    # make.py holds the wheel against its SHA-256.
    fetch = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--only-binary=:all:", "-d", folder, "nannyml==0.13.1"]
    subprocess.run(fetch, check=True, timeout=300)
    (wheel,) = folder.iterdir()
    made = room.path("made")
    subprocess.run([sys.executable, FIXTURES / "make.py", wheel, made], check=True, timeout=300)
    for name in ("car_loan.csv", "sample.csv", "cards.csv", "columns.json"):
        assert (made / name).read_bytes() == (FIXTURES / name).read_bytes(), name


test_extracts_are_of_the_public_files.limit = 600
