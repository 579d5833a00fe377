"""The journal on real files: commits, crashes, full disks, foreign and damaged files."""
