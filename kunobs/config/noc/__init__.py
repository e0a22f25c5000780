"""The section `noc:`."""
