"""What others post, from bytes to alerts; nothing is decided here.

alertmanager    webhook version 4 of Alertmanager 0.25 and newer
tenant          the relay's own JSON for tenants' programs
prober          commercial probers: data that says where in their posts an alert is
moment          which times are sane
alert           one alert as the relay knows it, and which incident it belongs to
refusal         why a body can never be accepted
"""
