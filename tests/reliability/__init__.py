"""What takes too long for the tests: kills, full disks and damaged files by the thousand, `make reliability`."""
