"""The relay's HTTP API for tenants' programs, and what probers and providers call.

build_api(relay, metrics, draining)        /v1/               FastAPI behind `front`
build_probers(relay, metrics, draining)    /v1/probers/       plain ASGI
build_callbacks(relay)                     /callback/         plain ASGI

front       is anything taken now, who asks, how large is it: before a request reaches FastAPI
caller      what an endpoint is given: the tenant, and the relay on its behalf
problems    whatever goes wrong, as RFC 9457
texts       values of several endpoints           views      an incident as a tenant may see it
alerts, quota, incidents, silences, receivers, limits        the endpoints
document    the OpenAPI document, and a page of it
"""

from kunobs.noc.api.app import build_api
from kunobs.noc.api.callbacks import build_callbacks
from kunobs.noc.api.probers import build_probers

__all__ = ["build_api", "build_callbacks", "build_probers"]
