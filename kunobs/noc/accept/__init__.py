"""What others post: from bytes to alerts, and what they are answered.

http            the ASGI app: who may post, how much, and which status says what
alertmanager    webhook version 4 of Alertmanager 0.25 and newer
alert           one alert as the relay knows it, and which incident it belongs to
refusal         why a body can never be accepted
"""
