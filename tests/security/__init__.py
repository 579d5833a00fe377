"""Certificates, access lists, secrets, files: what keeps strangers out, on real brokers and real files."""
