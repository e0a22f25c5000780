"""Alert rules: pure functions from the catalogue to Prometheus rules, tests and runbooks. None is here yet."""
