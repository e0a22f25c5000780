"""Calico's IP pools, as calico-kube-controllers counts them."""

from __future__ import annotations

from kunobs.catalogue.third_party.declare import declared

_made = declared("github.com/projectcalico/calico@v3.31.6:kube-controllers/pkg/controllers/node/ipam.go")

METRICS = (
    _made("ipam_ippool_size", "gauge", "Addresses that a pool has.", "ippool"),
    _made("ipam_allocations_in_use", "gauge", "Addresses of a pool that are in use on a node.", "ippool", "node"),
    _made("ipam_allocations_gc_candidates", "gauge", "Addresses that may be leaked and reclaimed.", "ippool", "node"),
)
