"""Calico's Typha, which passes the datastore on to every Felix."""

from __future__ import annotations

from kunobs.catalogue.third_party.declare import declared

_made = declared("github.com/projectcalico/calico@v3.31.6:typha/pkg/syncserver/sync_server.go")

METRICS = (_made("typha_connections_active", "gauge", "Open connections of clients, with those in the handshake."),)
