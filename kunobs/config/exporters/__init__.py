"""The section `exporters:`, a file for each exporter."""
