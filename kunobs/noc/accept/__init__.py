"""What others post, from bytes to alerts; nothing is decided here.

alertmanager    webhook version 4 of Alertmanager 0.25 and newer
alert           one alert as the relay knows it, and which incident it belongs to
refusal         why a body can never be accepted
"""
